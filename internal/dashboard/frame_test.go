package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/payments?status=decline&x=%2F": "/payments?status=decline&x=%2F", "/": "/",
		"": "/", "payments": "/", "//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"https://evil.example/": "/", "javascript:alert(1)": "/", "/a\r\nSet-Cookie: x=y": "/", "/\t/evil.example": "/", " //evil.example": "/",
	} {
		if got := localPath(text); got != want {
			t.Errorf("localPath(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	get := func(path, encoding string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", encoding)
		w := httptest.NewRecorder()
		serveStatic(w, r)
		return w
	}
	for path, a := range static().files {
		plain := get(path, "")
		if plain.Code != http.StatusOK || !bytes.Equal(plain.Body.Bytes(), a.plain) || plain.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d, %d bytes, type %q", path, plain.Code, plain.Body.Len(), plain.Header().Get("Content-Type"))
		}
		packed := get(path, "gzip, br")
		if packed.Header().Get("Content-Encoding") != "gzip" {
			continue
		}
		r, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(r); !bytes.Equal(body, a.plain) {
			t.Errorf("%s is another one when compressed", path)
		}
	}
	for _, path := range []string{"/static/", "/static/none.css", "/static/../go.mod", "/static/vendor"} {
		if r := get(path, ""); r.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.Code)
		}
	}
}

// What others wrote is as it came: the table names each file with its sum.
func TestVendoredFilesAreTheirs(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("static/vendor/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`\| \[([^\]]+)\][^|]*\|[^|]*\|[^(]*\(([^)]+)\) \| ([0-9a-f]{64}) \|`).FindAllStringSubmatch(string(table), -1)
	files, err := os.ReadDir("static/vendor")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"README.md": true, "tabler-icons-LICENSE": true}
	for _, row := range rows {
		known[row[1]], known[row[2]] = true, true
		text, err := os.ReadFile("static/vendor/" + row[1])
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != row[3] {
			t.Errorf("%s is not the file whose sum the table has", row[1])
		}
	}
	for _, f := range files {
		if !known[f.Name()] {
			t.Errorf("static/vendor/%s has no row in the table", f.Name())
		}
	}
}

// The policy of contents forbids what is inline, so it must not be written; and words stand in files, not in pages.
func TestPagesHoldNothingInline(t *testing.T) {
	t.Parallel()
	files, err := pageFiles.ReadDir("pages")
	if err != nil {
		t.Fatal(err)
	}
	forbidden := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=|<style|<script(?:>|\s+(?:[^s>]|s[^r]))|javascript:|hx-on|https?://`)
	comment := regexp.MustCompile(`(?s)\{\{/\*.*?\*/\}\}`)
	style := regexp.MustCompile(`(?s)<style>.*?</style>`)
	for _, f := range files {
		text, err := pageFiles.ReadFile("pages/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() == evidencePage { // a file that people keep, opened from a disk: it brings its style along
			text = style.ReplaceAll(text, nil)
		}
		for n, line := range strings.Split(string(comment.ReplaceAll(text, nil)), "\n") {
			if found := forbidden.FindString(line); found != "" {
				t.Errorf("pages/%s:%d holds %q", f.Name(), n+1, found)
			}
		}
	}
}
