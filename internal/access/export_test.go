package access

// Checks counts the hashes that were made or compared.
func Checks(s *Service) int64 { return s.hashes.done.Load() }

// Hashing counts the hashes that are being made now.
func Hashing(s *Service) int { return len(s.hashes.slots) }

// Refused counts those that were told to come again.
func Refused(s *Service) int64 { return s.hashes.refused.Load() }

// HoldHashes takes all places for hashes until release.
func HoldHashes(s *Service) (release func()) {
	for range cap(s.hashes.slots) {
		s.hashes.slots <- struct{}{}
	}
	return func() {
		for range cap(s.hashes.slots) {
			<-s.hashes.slots
		}
	}
}
