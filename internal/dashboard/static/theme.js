// Before anything is painted: pages whose theme is the system's take it, and follow it.
(() => {
  const root = document.documentElement
  if (!root.hasAttribute('data-theme-auto')) return
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const follow = () => root.setAttribute('data-bs-theme', dark.matches ? 'dark' : 'light')
  follow()
  dark.addEventListener('change', follow)
})()
