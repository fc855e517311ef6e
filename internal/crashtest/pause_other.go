//go:build !unix

package crashtest

import (
	"errors"
	"os"
)

// pause cannot be done here.
func pause(*os.Process) error { return errors.ErrUnsupported }

func resume(*os.Process) error { return errors.ErrUnsupported }
