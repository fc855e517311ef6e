//go:build unix

package crashtest

import (
	"os"
	"syscall"
)

// pause has a process stand still, as a machine that swaps or a virtual one that is moved does.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
