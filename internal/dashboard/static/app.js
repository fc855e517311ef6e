// What pages do beyond HTML and htmx. Everything works without it.
(() => {
  const isField = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)

  // An answer to a form cannot be come back to: the browser would offer to send the form once more. Whoever leaves such a page
  // finds in its place, on the way back, the page that the form was on.
  const leave = () => {
    if ('posted' in document.body.dataset) history.replaceState(null, '', sessionStorage.getItem('form') ?? '/')
  }
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href]')
    if (link && !link.target && !link.download && link.hash === '' && !event.defaultPrevented) leave()
  })

  // A form is sent once: its buttons rest until the answer is here. The server would do a second one only once, too.
  document.addEventListener('submit', (event) => {
    const form = event.target
    if (form.dataset.sent) return event.preventDefault()
    if (!event.defaultPrevented) leave() // else htmx sends it, and the page stays
    if (form.method === 'get') return
    if (!event.defaultPrevented) sessionStorage.setItem('form', location.href)
    form.dataset.sent = 'yes'
    form.setAttribute('aria-busy', 'true')
  })
  // Coming back by the browser's back button wakes the forms again.
  addEventListener('pageshow', () => {
    for (const form of document.querySelectorAll('form[data-sent]')) {
      delete form.dataset.sent
      form.removeAttribute('aria-busy')
    }
  })

  // <select data-asks="id">: another choice fetches that element anew. The element itself listens, because a select that
  // came with an answer is deaf to htmx for a moment.
  document.addEventListener('change', (event) => {
    const asked = event.target.dataset.asks
    if (asked) htmx.trigger(document.getElementById(asked), 'asked')
  })
  // What is typed while the answer is under way stays.
  let typed = []
  document.addEventListener('htmx:beforeSwap', (event) => {
    const { target, requestConfig } = event.detail
    typed = requestConfig.verb === 'get' ? [] : [...target.querySelectorAll('input:not([type=hidden], [type=file], [type=checkbox], [type=radio]), select:not([data-asks]), textarea')]
      .filter((field) => field.value !== (requestConfig.parameters[field.name] ?? ''))
      .map((field) => [field.name, field.value])
  })
  document.addEventListener('htmx:afterSwap', (event) => {
    for (const [name, value] of typed) {
      const field = event.detail.target.querySelector(`[name="${CSS.escape(name)}"]`)
      if (field) field.value = value
    }
    typed = []
  })

  // <form data-upload="most bytes">: a file on its way. htmx sends it; what is shown meanwhile, and where it did not arrive, is here.
  const uploadOf = (event) => event.target.closest?.('form[data-upload]')
  document.addEventListener('htmx:beforeRequest', (event) => {
    const form = uploadOf(event)
    if (!form) return
    const large = (form.querySelector('input[type=file]').files[0]?.size ?? 0) > Number(form.dataset.upload)
    form.querySelector('[data-fault=large]').hidden = !large
    form.querySelector('[data-fault=lost]').hidden = true
    form.querySelector('.upload-progress').hidden = large
    if (large) {
      event.preventDefault()
      rest(form)
    }
  })
  document.addEventListener('htmx:xhr:progress', (event) => {
    const form = uploadOf(event)
    if (!form || !event.detail.lengthComputable) return
    const { loaded, total } = event.detail
    const bar = form.querySelector('.upload-progress progress')
    if (loaded < total) bar.value = 100 * loaded / total
    else bar.removeAttribute('value') // all of it has left the browser
    form.querySelector('[data-while=sending]').hidden = loaded >= total
    form.querySelector('[data-while=checking]').hidden = loaded < total
  })
  const rest = (form) => {
    delete form.dataset.sent
    form.removeAttribute('aria-busy')
  }
  for (const name of ['htmx:sendError', 'htmx:responseError', 'htmx:sendAbort']) {
    document.addEventListener(name, (event) => {
      const form = event.target.closest?.('form')
      if (form) rest(form) // it can be sent again
      if (!uploadOf(event)) return
      form.querySelector('.upload-progress').hidden = true
      form.querySelector('[data-fault=lost]').hidden = event.detail.xhr?.status === 401 // the session has ended: that is said already
    })
  }

  // Copy buttons: <button data-copy="text">.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]')
    if (!button) return
    await navigator.clipboard.writeText(button.dataset.copy)
    button.classList.add('copied')
    setTimeout(() => button.classList.remove('copied'), 1500)
  })

  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-print]')) print()
  })

  // Dialogs: <button data-dialog="id"> opens one, <button data-close> closes it.
  document.addEventListener('click', (event) => {
    const opener = event.target.closest('[data-dialog]')
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal()
    if (event.target.closest('[data-close]')) event.target.closest('dialog')?.close()
  })

  // Payments open in a panel beside the list. htmx exchanges the panel alone, so the list follows here: its links carry what
  // is open, the row that is shown is marked, and the list stays where it was while it becomes narrower or wider.
  const panel = () => document.querySelector('#panel > .panel')
  const rowOf = (name) => document.querySelector(`.register a[data-open="${CSS.escape(name ?? '')}"]`)
  const listed = () => document.querySelector('.register-quick').checkVisibility() // a narrow window shows one of the two
  const followPanel = () => {
    const shown = panel()?.dataset.shown
    const open = new Set(new URLSearchParams(location.search).getAll('open'))
    for (const link of document.querySelectorAll('.register-list a[href]')) {
      const url = new URL(link.href)
      if (url.pathname !== '/payments') continue
      const own = link.dataset.open
      url.searchParams.delete('open')
      for (const name of own ? [...open, own] : open) url.searchParams.append('open', name)
      link.href = url
      if (own) own === shown ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current')
    }
  }
  // htmx has read the links when they came.
  document.addEventListener('htmx:configRequest', (event) => {
    const { elt } = event.detail
    if (elt.dataset.open) event.detail.path = elt.pathname + elt.search
  })
  let before = {}
  document.addEventListener('htmx:beforeSwap', (event) => {
    const { target, xhr, requestConfig: { elt } } = event.detail
    if (target.id !== 'panel') return
    // What is no panel, such as a fault or the sign-in, is a page: the browser asks for it as it would without htmx.
    if (xhr.status >= 400 || /^<!doctype/i.test(xhr.response)) {
      event.detail.shouldSwap = false
      elt.localName === 'form' ? HTMLFormElement.prototype.submit.call(elt) : location.assign(elt.href)
      return
    }
    const shown = panel()?.dataset.shown
    const row = rowOf(elt.dataset.open ?? shown)
    before = { shown, row, top: row?.getBoundingClientRect().top, listed: listed(), y: listed() ? scrollY : before.y }
  })
  document.addEventListener('htmx:afterSwap', (event) => {
    if (event.target.id !== 'panel') return
    htmx.process(event.target) // which htmx would do a moment later: a quick second act would load a whole page
    followPanel()
    if (!listed()) scrollTo(0, 0)
    else if (!before.listed) scrollTo(0, before.y ?? 0)
    else if (before.row) scrollBy(0, before.row.getBoundingClientRect().top - before.top)
    const focused = panel()?.querySelector('.panel-notice, #panel-title') ?? rowOf(before.shown) ?? document.getElementById('main')
    focused.focus()
  })
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || isField(event.target) || document.querySelector('dialog[open], :popover-open')) return
    document.querySelector('.panel-tabs [aria-current] + .panel-close')?.click()
  })
  // A row is chosen anywhere, unless a text in it is being selected.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('.register tbody tr')?.querySelector('a[data-open]')
    if (link && !event.target.closest('a') && getSelection().isCollapsed) link.click()
  })

  // Keys that lead somewhere, as in many sites that are used all day: / to the search, g and a letter to a section, ? to the
  // list of them. Never while one types, never with a modifier. g waits for its letter however long it takes; anything else
  // ends that. On a Cyrillic layout the same places of the keyboard count.
  const keyOf = ({ key, code }) => {
    if (code === 'Slash' && (key === '.' || key === ',')) return key === '.' ? '/' : '?'
    return /^[^\x00-\x7f]$/.test(key) && code.startsWith('Key') ? code.slice(3).toLowerCase() : key
  }
  const keysRest = () => localStorage.getItem('keys') === 'off'
  let going = false
  document.addEventListener('keydown', (event) => {
    const led = going
    going = false
    const { target } = event
    if (event.defaultPrevented || event.isComposing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || keysRest()) return
    if (isField(target) || target.isContentEditable || document.querySelector('dialog[open], :popover-open')) return
    const key = keyOf(event)
    if (event.shiftKey && key !== '/' && key !== '?') return
    const section = led && document.querySelector(`#sections a[data-key="${CSS.escape(key)}"]`)
    const search = key === '/' && document.getElementById('search')
    const list = key === '?' && document.getElementById('keys')
    if (section) section.click()
    else if (search) search.focus()
    else if (list) list.showModal()
    else {
      going = key === 'g'
      return
    }
    event.preventDefault()
  })
  for (const name of ['pointerdown', 'focusin']) document.addEventListener(name, () => { going = false })
  // Who speaks to the browser, or whose hand slips, turns them off.
  const keysOn = document.querySelector('[data-keys]')
  if (keysOn) keysOn.checked = !keysRest()
  keysOn?.addEventListener('change', () => localStorage.setItem('keys', keysOn.checked ? 'on' : 'off'))

  // On a telephone tabs scroll sideways: the one that is open is in sight.
  const open = document.querySelector('.tabs [aria-current]')
  open?.parentElement.scrollTo({ left: open.offsetLeft - open.parentElement.offsetLeft - 16 })

  // The first field with a fault gets the focus.
  document.querySelector('[aria-invalid="true"]')?.focus()
})()
