package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed static
var staticFiles embed.FS

// asset is a static file as it is served.
type asset struct {
	kind   string
	plain  []byte
	packed []byte // gzip; nil where that saves nothing
}

// assets are all static files by their paths. They are read and compressed with the first page, not by each command.
type assets struct {
	files   map[string]*asset
	version string // changes with any of them, and stands in their addresses, so that browsers keep them for a year
}

var static = sync.OnceValue(mustReadAssets)

func mustReadAssets() *assets {
	all := make(map[string]*asset)
	sum := sha256.New()
	err := fs.WalkDir(staticFiles, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(plain))
		sum.Write(plain)
		a := &asset{kind: mime.TypeByExtension(path.Ext(name)), plain: plain}
		switch path.Ext(name) {
		case ".css":
			a.kind = "text/css; charset=utf-8"
		case ".js":
			a.kind = "text/javascript; charset=utf-8"
		case "":
			a.kind = "text/plain; charset=utf-8"
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(plain) // memory takes everything
		_ = w.Close()
		if packed.Len() < len(plain)*9/10 {
			a.packed = packed.Bytes()
		}
		all["/"+name] = a
		return nil
	})
	if err != nil {
		panic("dashboard: embedded files: " + err.Error())
	}
	return &assets{all, hex.EncodeToString(sum.Sum(nil)[:8])}
}

// serveStatic serves a static file. Addresses carry the version, so what they lead to never changes.
func serveStatic(w http.ResponseWriter, r *http.Request) {
	a := static().files[r.URL.Path]
	if a == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := a.plain
	if a.packed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// icon is one of Tabler's icons, as part of the page. It says nothing to those who cannot see it: the words beside it do.
func icon(name string) (template.HTML, error) {
	svg, err := staticFiles.ReadFile("static/icons/" + name + ".svg")
	if err != nil {
		return "", fmt.Errorf("dashboard: no icon %q: put the file into static/icons", name)
	}
	_, inner, _ := strings.Cut(string(svg), ">")
	inner = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(inner), "</svg>"))
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + inner + `</svg>`), nil
}
