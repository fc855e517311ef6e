package ops

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Build is what this program was built from.
type Build struct {
	Version  string `json:"version"`  // "devel" where it was built from a working copy
	Revision string `json:"revision"` // commit; empty where it is not known
	Modified bool   `json:"modified"` // the working copy had changes
	Time     string `json:"time"`     // of the commit, RFC 3339; may be empty
	Go       string `json:"go"`
	Platform string `json:"platform"` // such as linux/amd64
}

// ReadBuild reads what the compiler wrote into the program.
func ReadBuild() Build {
	b := Build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "(devel)" {
		b.Version = cmp.Or(v, b.Version)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "vcs.time":
			b.Time = s.Value
		}
	}
	return b
}

// String is the build in one line for people.
func (b Build) String() string {
	revision := b.Revision
	if len(revision) > 12 {
		revision = revision[:12]
	}
	if revision != "" && b.Modified {
		revision += " with changes"
	}
	if revision != "" {
		revision = ", commit " + revision
	}
	return fmt.Sprintf("%s%s, %s %s", b.Version, revision, b.Go, b.Platform)
}
