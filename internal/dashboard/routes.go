package dashboard

import (
	"net/http"
	"slices"

	"flashpay/internal/staff"
)

// route is one page or act.
type route struct {
	pattern string      // of net/http.ServeMux
	right   staff.Right // what the user must have; or anyone, signedIn
	upload  bool        // takes a file, which may be larger than a form
	fresh   bool        // asks for a second factor not older than five minutes, keeps the form and goes on by itself
	serve   func(d *Dashboard, v *visit) error
	// again shows what the form of a POST holds, to be gone on with, and does nothing. A form that was kept over a sign-in comes
	// back by it; nil: the user is asked whether it is to be sent.
	again func(d *Dashboard, v *visit) error
}

// Two values in the place of a right.
const (
	anyone   staff.Right = "anyone"   // no sign-in needed
	signedIn staff.Right = "signedIn" // any user
)

// routes is the table of contents. Each section's part stands at the head of its file, and says who may do what; nothing
// else does.
var routes = slices.Concat(
	commonRoutes, overviewRoutes,
	paymentRoutes, resendRoutes,
	manualRoutes, massRoutes,
	financeRoutes,
	projectRoutes,
	controlRoutes,
	operateRoutes, settleRoutes, rateRoutes,
	reportRoutes, scheduleRoutes,
	analyticsRoutes,
	signInRoutes, enrolRoutes, teamRoutes, profileRoutes, alertRoutes,
)

// commonRoutes belong to no section.
var commonRoutes = []route{
	{pattern: "GET /{$}", right: signedIn, serve: serveHome},
	{pattern: "POST /language", right: anyone, serve: serveLanguage},
	{pattern: "POST /continue", right: signedIn, serve: serveContinue},
	{pattern: "POST /kept", right: signedIn, serve: serveKept},
	{pattern: "GET /signed-in", right: signedIn, serve: serveSignedIn},
}

// section is an entry of the navigation: shown to those who have its right.
type section struct {
	Path  string
	Word  string
	Icon  string
	Key   string // after g it leads there
	right staff.Right
}

var sections = []section{
	{"/overview", "nav.overview", "home", "o", staff.ViewPayments},
	{"/payments", "nav.payments", "list-details", "p", staff.ViewPayments},
	{"/manual", "nav.manual", "send", "m", staff.ViewManual},
	{"/finance", "nav.finance", "wallet", "f", staff.ViewBalances},
	{"/reports", "nav.reports", "report-analytics", "r", staff.ManageReports},
	{"/analytics", "nav.analytics", "chart-bar", "a", staff.ViewAnalytics},
	{"/projects", "nav.projects", "building-store", "j", staff.ViewProjects},
	{"/team", "nav.team", "users", "t", staff.ViewTeam},
	{"/operate", "nav.operate", "activity", "d", staff.OperateWork},
	{"/profile", "nav.profile", "user-circle", "u", staff.EditProfile},
}

// serveHome leads to the first section that the user has.
func serveHome(_ *Dashboard, v *visit) error {
	for _, s := range sections {
		if v.user.Can(s.right) {
			http.Redirect(v.w, v.r, s.Path, http.StatusSeeOther)
			return nil
		}
	}
	return errForbidden
}
