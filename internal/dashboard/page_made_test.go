package dashboard

import "testing"

// TestEveryPageCanBeMade makes all of them in each language: a server makes a page when it is first opened.
func TestEveryPageCanBeMade(t *testing.T) {
	t.Parallel()
	all, err := allPages()
	if err != nil {
		t.Fatal(err)
	}
	for lang, set := range all {
		if len(set.pages) < 50 {
			t.Errorf("%d pages in %s", len(set.pages), lang)
		}
		for name := range set.pages {
			if page, err := set.page(name); err != nil || page.Lookup("layout.html") == nil {
				t.Errorf("%s in %s: %v", name, lang, err)
			}
		}
		if _, err := set.page("no such page"); err == nil {
			t.Error("a page that is not there was found")
		}
	}
}
