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
