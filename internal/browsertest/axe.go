package browsertest

import (
	_ "embed" // axe-core
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

//go:embed axe/axe-core-4.14.1.min.js
var axe string

// Violation is a rule of accessibility that a page breaks.
type Violation struct {
	Rule    string   `json:"id"`     // of axe-core, such as "color-contrast"
	Impact  string   `json:"impact"` // "minor", "moderate", "serious" or "critical"
	Help    string   `json:"help"`   // the rule in one sentence
	Targets []string `json:"targets"`
	Advice  string   `json:"advice"` // what to do about the first of the targets
}

// String says it in one line, and below it what to do.
func (v Violation) String() string {
	return fmt.Sprintf("%s (%s): %s: %s\n%s", v.Rule, v.Impact, v.Help, strings.Join(v.Targets, ", "), v.Advice)
}

// judge runs some rules. Nothing is loaded: style sheets of the page's own origin can be read as they are. Of rows and
// list items that are made alike, in all but their words, two are judged and the others put away meanwhile: a register of
// fifty payments says no more than one of each kind, and takes many times as long.
const judge = `(() => {
	const made = (el) => el.localName + [...el.attributes].map((a) => a.name +
		(/^(class|style|role|type|aria-(hidden|current|expanded|sort))$/.test(a.name) ? "=" + a.value : "")).sort() +
		[...el.childNodes].map((n) => n.nodeType === 1 ? made(n) : n.nodeValue.trim() && "words").join() + "/";
	const seen = new Map(), away = [];
	for (const el of document.querySelectorAll("tbody > tr, li")) {
		const kinds = seen.get(el.parentElement) || new Map(), kind = made(el), n = (kinds.get(kind) || 0) + 1;
		seen.set(el.parentElement, kinds.set(kind, n));
		if (n > 2) away.push([el, el.style.display]);
	}
	for (const [el] of away) el.style.display = "none";
	return axe.run(document, {
		runOnly: %s,
		resultTypes: ["violations"], preload: false,
	}).then((found) => found.violations.map((v) => ({
		id: v.id, impact: v.impact || "", help: v.help, advice: v.nodes[0].failureSummary || "",
		targets: v.nodes.map((n) => n.target.flat().join(" ")),
	}))).finally(() => { for (const [el, display] of away) el.style.display = display; });
})()`

// Axe returns what axe-core finds wrong with the page as it stands, by the rules of WCAG 2.0, 2.1 and 2.2, levels A and AA;
// what is folded or hidden is not judged. The page's own content policy does not keep axe-core out, and is not weakened by it.
func (p *Page) Axe() []Violation {
	p.t.Helper()
	return p.axe(`{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}`)
}

// Contrast is Axe for the one thing in which a page differs that shows itself in other colours (Scheme).
func (p *Page) Contrast() []Violation {
	p.t.Helper()
	return p.axe(`{type: "rule", values: ["color-contrast"]}`)
}

func (p *Page) axe(rules string) []Violation {
	p.t.Helper()
	if !Eval[bool](p, `typeof axe === "object"`) {
		p.Do(chromedp.Evaluate[chromedp.Void](axe))
	}
	found, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]Violation](fmt.Sprintf(judge, rules), chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("browsertest: axe-core: %v", err)
	}
	return found
}

// wide lists the elements that reach beyond the right edge of a page that scrolls sideways. Of elements inside each
// other the innermost are listed; what scrolls or is cut off inside a box of its own is none.
const wide = `(() => {
	const page = document.documentElement;
	if (page.scrollWidth <= page.clientWidth) return [];
	const boxed = (el) => {
		for (let up = el.parentElement; up && up !== document.body && up !== page; up = up.parentElement) {
			if (getComputedStyle(up).overflowX !== "visible") return true;
		}
		return false;
	};
	const over = [...document.querySelectorAll("body *")].filter((el) =>
		el.getBoundingClientRect().right + scrollX > page.clientWidth + 0.5 && el.checkVisibility() && !boxed(el));
	const name = (el) => el.localName + (el.id && "#" + el.id) + [...el.classList].map((c) => "." + c).join("");
	const list = over.filter((el) => !over.some((other) => other !== el && el.contains(other))).map((el) =>
		name(el) + " ends at " + Math.round(el.getBoundingClientRect().right + scrollX) + " of " + page.clientWidth);
	return list.length ? list : ["something makes the page " + page.scrollWidth + " wide; the window has " + page.clientWidth];
})()`

// Overflows lists what makes the page wider than its window; it is empty where the page fits.
func (p *Page) Overflows() []string {
	p.t.Helper()
	return Eval[[]string](p, wide)
}
