package signature

// ComparePaths is the natural order of two paths, for tests.
func ComparePaths(a, b string) int { return Natural.comparison()(Line{Path: a}, Line{Path: b}) }
