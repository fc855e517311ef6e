// What pages do beyond HTML and htmx. Everything works without it.
(() => {
  // A form is sent once: its buttons rest until the answer is here. The server would do a second one only once, too.
  document.addEventListener('submit', (event) => {
    const form = event.target
    if (form.dataset.sent) return event.preventDefault()
    if (form.method === 'get') return
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
    typed = requestConfig.verb === 'get' ? [] : [...target.querySelectorAll('input:not([type=hidden])')]
      .filter((field) => field.value !== (requestConfig.parameters[field.name] ?? ''))
      .map((field) => [field.name, field.value])
  })
  document.addEventListener('htmx:afterSwap', (event) => {
    for (const [name, value] of typed) {
      const field = event.detail.target.querySelector(`input[name="${CSS.escape(name)}"]`)
      if (field) field.value = value
    }
    typed = []
  })

  // Copy buttons: <button data-copy="text">.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]')
    if (!button) return
    await navigator.clipboard.writeText(button.dataset.copy)
    button.classList.add('copied')
    setTimeout(() => button.classList.remove('copied'), 1500)
  })

  // Dialogs: <button data-dialog="id"> opens one, <button data-close> closes it.
  document.addEventListener('click', (event) => {
    const opener = event.target.closest('[data-dialog]')
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal()
    if (event.target.closest('[data-close]')) event.target.closest('dialog')?.close()
  })

  // The slash key leads to the search, as in many sites that are used all day.
  document.addEventListener('keydown', (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
    const search = document.getElementById('search')
    if (search) {
      event.preventDefault()
      search.focus()
    }
  })

  // The first field with a fault gets the focus.
  document.querySelector('[aria-invalid="true"]')?.focus()
})()
