// Passkeys: a form with data-passkey asks the browser's before it is sent. Without script, or where the browser knows no
// passkeys, such forms stay hidden, and the other ways in remain.
(() => {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return
  for (const form of document.querySelectorAll('form[data-passkey]')) {
    form.hidden = false
    form.addEventListener('submit', async (event) => {
      if (form.elements.answer.value) return
      event.preventDefault()
      event.stopPropagation()
      const failed = form.querySelector('[data-failed]')
      failed.hidden = true
      const options = JSON.parse(form.dataset.options)
      try {
        const credential = form.dataset.passkey === 'create'
          ? await navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})
          : await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)})
        form.elements.answer.value = JSON.stringify(credential)
        form.requestSubmit()
      } catch {
        failed.hidden = false
      }
    })
  }
})()
