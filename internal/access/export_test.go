package access

import (
	"context"
	"runtime"
)

// Checks counts the hashes that were made or compared.
func Checks(s *Service) int64 { return s.hashes.done.Load() }

// Hashing counts the turns for hashes that are taken, and those who wait for one.
func Hashing(s *Service) (turns, waiting int) {
	q := s.hashes.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(1, runtime.NumCPU()/2) - q.free, q.waiting
}

// Refused counts those that were told to come again.
func Refused(s *Service) int64 { return s.hashes.refused.Load() }

// HoldHashes takes all places for hashes until release.
func HoldHashes(s *Service) (release func()) {
	turns := max(1, runtime.NumCPU()/2)
	for range turns {
		if err := s.hashes.queue.wait(context.Background(), "held"); err != nil {
			panic(err)
		}
	}
	return func() {
		for range turns {
			s.hashes.queue.release()
		}
	}
}
