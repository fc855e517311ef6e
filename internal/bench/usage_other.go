//go:build !unix

package bench

import (
	"os"
	"time"
)

// processorTime is not known on this system.
func processorTime() time.Duration { return 0 }

// peakOf is not known on this system.
func peakOf(*os.ProcessState) int64 { return 0 }
