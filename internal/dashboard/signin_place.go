package dashboard

// The owner of sign-in replaces this file.

func serveSignIn(_ *Dashboard, v *visit, kept string) error  { return errForbidden }
func serveConfirm(_ *Dashboard, v *visit, kept string) error { return errForbidden }
