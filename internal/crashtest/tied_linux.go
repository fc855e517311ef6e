package crashtest

import "syscall"

// tied makes a child end with this process, however that ends, and keeps a terminal's Ctrl-C from it: its end is ours to
// give.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
