// What is typed is not lost: neither where the session ends meanwhile, nor by reload, back, or a link that slipped. What a form
// holds stays with this tab until the form has been sent and done, its reader signs out, or somebody else signs in here.
// Passwords, codes and files do not stay. The token by which an act is done once does: what was sent, came back, and is sent
// again is one act.
(() => {
  const user = document.body.dataset.user
  const posted = 'posted' in document.body.dataset
  const [visited] = performance.getEntriesByType('navigation')
  const put = (key, value) => {
    try { sessionStorage.setItem(key, value) } catch { /* what does not fit is not kept */ }
  }
  const typedKeys = () => Object.keys(sessionStorage).filter((key) => key.startsWith('typed '))
  const forget = (keys) => keys.forEach((key) => sessionStorage.removeItem(key))
  if (user && sessionStorage.getItem('whose') !== user) {
    forget([...typedKeys(), 'sent'])
    put('whose', user)
  }

  // An answer to a form belongs to the page that the form was on, as going back leads there.
  const page = () => posted ? sessionStorage.getItem('form') ?? location.href : location.href
  const keyOf = (form) => `typed ${page()} ${form.getAttribute('action')}`
  const ofForm = (field) => field.closest?.('main form[method="post"]')
  const isSecret = (form) => form.querySelector('[name="kept"], [type="password"], [autocomplete="one-time-code"]')
  const isTyped = (field) => field.name && (/^(version|once)$/.test(field.name) || field.localName !== 'button' && !/^(hidden|password|file|submit|button)$/.test(field.type))

  const note = (event) => {
    const form = ofForm(event.target)
    if (!form) return
    form.dataset.typed = 'yes'
    if (!user || isSecret(form)) return
    const values = {}
    for (const field of form.elements) {
      if (!isTyped(field)) continue
      values[field.name] ??= []
      if (!/^(checkbox|radio)$/.test(field.type) || field.checked) values[field.name].push(field.value)
    }
    put(keyOf(form), JSON.stringify({user, values}))
  }
  document.addEventListener('input', note)
  document.addEventListener('change', note)

  const fill = (form, values) => {
    for (const field of form.elements) {
      if (!isTyped(field) || !(field.name in values)) continue
      if (/^(checkbox|radio)$/.test(field.type)) field.checked = values[field.name].includes(field.value)
      else if (values[field.name].length > 0) field.value = values[field.name][0]
    }
    form.dataset.typed = 'yes'
  }
  const restore = (form, key) => {
    const {user: whose, values} = JSON.parse(sessionStorage.getItem(key))
    if (whose !== user) return forget([key])
    fill(form, values)
    document.getElementById('restored').hidden = false
    // Which fields there are may depend on what is chosen.
    const region = form.querySelector('[hx-post][hx-trigger="asked"]')
    if (region) htmx.ajax('POST', region.getAttribute('hx-post'), {source: region, target: region, values})
  }
  const begin = () => {
    const away = sessionStorage.getItem('away') // over a sign-in, which reload or a link led to
    sessionStorage.removeItem('away')
    const back = visited.type !== 'navigate' || away === location.href
    const sent = sessionStorage.getItem('sent')
    if (sent && !posted && !back) forget([sent, 'sent']) // what was sent has been done
    for (const form of document.querySelectorAll('main form[method="post"]')) {
      const key = keyOf(form)
      if (!sessionStorage.getItem(key)) continue
      if (back) restore(form, key)
      else if (!posted) forget([key])
    }
  }
  if (user) document.addEventListener('DOMContentLoaded', begin)
  else if (document.querySelector('main [name="next"]')) put('away', new URL(document.querySelector('main [name="next"]').value, location).href)
  document.addEventListener('click', (event) => {
    if (!event.target.closest('[data-afresh]')) return
    forget([...typedKeys().filter((key) => key.startsWith(`typed ${page()} `)), 'sent'])
    location.assign(page())
  })

  document.addEventListener('submit', (event) => {
    const form = event.target
    if (form.getAttribute('action') === '/sign-out') return forget([...typedKeys(), 'sent', 'away'])
    if (!event.defaultPrevented && ofForm(form) && sessionStorage.getItem(keyOf(form))) put('sent', keyOf(form))
  })

  // The session has ended, as an answer to what the page asked by itself tells. Where something was typed, the page stays as it
  // is, and the sign-in opens beside it; else it is at the sign-in, so that nobody reads on.
  const others = new BroadcastChannel('session')
  const ended = document.getElementById('ended')
  document.addEventListener('htmx:responseError', (event) => {
    if (event.detail.xhr.status !== 401 || event.detail.target?.id === 'panel') return
    if (!posted && !document.querySelector('form[data-typed]')) return location.assign('/sign-in?next=' + encodeURIComponent(location.pathname + location.search))
    ended.hidden = false
  })
  document.addEventListener('htmx:afterOnLoad', (event) => {
    if (event.detail.xhr.status < 400) ended.hidden = true
  })
  others.addEventListener('message', ({data}) => {
    if (ended.hidden) return
    if (data === user) ended.hidden = true
    else location.reload() // somebody else, whose page this is not
  })
  if (document.querySelector('[data-signed-in]')) others.postMessage(user)
})()
