package gate

import (
	"context"
	_ "embed"
	"net/http"
	"strings"

	"flashpay/internal/accept"
	"flashpay/openapi"
)

// route is one endpoint. A path has at most one variable part, between prefix and suffix.
type route struct {
	name           string // path pattern, for people, logs and metrics
	method         string
	prefix, suffix string
	variable       bool
	table          *accept.Table // fields of a signed request
	flat           bool          // project_id and signature stand at the root, not in general
	upload         bool          // the body is a file: what is signed stands in parametersHeader
	other          bool          // a group of methods that this platform does not serve
	serve          func(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure)
}

//go:embed fields/general.csv
var generalCSV string

//go:embed fields/status.csv
var statusCSV string

//go:embed fields/status-request.csv
var statusRequestCSV string

//go:embed fields/banks.csv
var banksCSV string

//go:embed fields/available-methods.csv
var availableMethodsCSV string

//go:embed fields/events.csv
var eventsCSV string

//go:embed fields/mass-check.csv
var massCheckCSV string

//go:embed fields/mass-send.csv
var massSendCSV string

//go:embed fields/mass-status.csv
var massStatusCSV string

//go:embed fields/mass-result.csv
var massResultCSV string

// Tables are the field tables of the endpoints that take a signed request, by path pattern.
var Tables = map[string]*accept.Table{
	payoutPath:     accept.Payout,
	statusPath:     accept.MustParseTable(statusCSV),
	requestPath:    accept.MustParseTable(statusRequestCSV),
	banksPath:      accept.MustParseTable(banksCSV),
	methodsPath:    accept.MustParseTable(availableMethodsCSV),
	eventsPath:     accept.MustParseTable(eventsCSV),
	massCheckPath:  accept.MustParseTable(massCheckCSV),
	massSendPath:   accept.MustParseTable(massSendCSV),
	massStatusPath: accept.MustParseTable(massStatusCSV),
	massResultPath: accept.MustParseTable(massResultCSV),
	"any method":   accept.MustParseTable(generalCSV),
}

// Path patterns of the endpoints of product.md §2 and §12.6, and those of files of payouts.
const (
	payoutPath       = "/v2/payment/bank-transfer/{payment_method}/payout"
	statusPath       = "/v2/payment/status"
	requestPath      = "/v2/payment/status/request"
	banksPath        = "/v2/info/banks/bank-transfer/{payment_method}/payout/list"
	methodsPath      = "/v2/info/available-methods/payout/list"
	eventsPath       = "/v1/events/get"
	massCheckPath    = "/v2/mass-payout/check"
	massSendPath     = "/v2/mass-payout/send"
	massStatusPath   = "/v2/mass-payout/status"
	massResultPath   = "/v2/mass-payout/result"
	notificationPath = "/provider/{name}/notification"
	openapiPath      = "/openapi.yaml"
)

// otherGroups are the payout endpoints of protocol.md §2.4 that this platform knows and does not serve: 2541.
var otherGroups = []string{
	"/v2/payment/banks/{payment_method}/payout",
	"/v2/payment/p2p-banks/{payment_method}/payout",
	"/v2/payment/wallet/{payment_method}/payout",
	"/v2/payment/sbp-p2p/payout",
	"/v2/payment/card/payout",
	"/v2/payment/card/payout/token",
	"/v2/payment/individual/payout",
}

var routes = makeRoutes()

// noRoute stands for paths that no endpoint has.
var noRoute = route{name: "other"}

func makeRoutes() []route {
	all := []route{
		{name: payoutPath, serve: servePayout},
		{name: statusPath, serve: serveStatus},
		{name: requestPath, serve: serveStatusRequest, flat: true},
		{name: banksPath, serve: serveBanks},
		{name: methodsPath, serve: serveMethods},
		{name: eventsPath, serve: serveEvents, flat: true},
		{name: massCheckPath, serve: serveMassCheck, flat: true, upload: true},
		{name: massSendPath, serve: serveMassSend, flat: true, upload: true},
		{name: massStatusPath, serve: serveMassStatus, flat: true},
		{name: massResultPath, serve: serveMassResult, flat: true},
		{name: notificationPath, serve: serveNotification},
		{name: openapiPath, method: http.MethodGet, serve: serveOpenAPI},
	}
	for _, path := range otherGroups {
		all = append(all, route{name: path, other: true, serve: serveOtherGroup, table: Tables["any method"]})
	}
	for i := range all {
		r := &all[i]
		if r.method == "" {
			r.method = http.MethodPost
		}
		if r.table == nil {
			r.table = Tables[r.name]
		}
		r.prefix = r.name
		if open := strings.IndexByte(r.name, '{'); open >= 0 {
			r.variable, r.prefix, r.suffix = true, r.name[:open], r.name[strings.IndexByte(r.name, '}')+1:]
		}
	}
	return all
}

// match tells whether the path is the route's, and what its variable part is.
func (r *route) match(path string) (param string, ok bool) {
	if !r.variable {
		return "", path == r.name
	}
	if len(path) <= len(r.prefix)+len(r.suffix) || !strings.HasPrefix(path, r.prefix) || !strings.HasSuffix(path, r.suffix) {
		return "", false
	}
	param = path[len(r.prefix) : len(path)-len(r.suffix)]
	return param, strings.IndexByte(param, '/') < 0
}

// findRoute finds the endpoint of a request. A path has one spelling: where it comes with escapes that it does not need
// (%73), or with a slash in a name (%2f), there is nothing under it, so that no proxy's rule for a path is walked around.
func findRoute(r *http.Request) (*route, string, *failure) {
	if r.URL.RawPath != "" {
		return &noRoute, "", noEndpoint()
	}
	for i := range routes {
		found := &routes[i]
		param, ok := found.match(r.URL.Path)
		switch {
		case !ok:
		case r.Method == found.method, found.method == http.MethodGet && r.Method == http.MethodHead:
			return found, param, nil
		default:
			return found, param, wrongMethod(found)
		}
	}
	return &noRoute, "", noEndpoint()
}

func serveOpenAPI(_ context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	x.contentType = "application/yaml"
	return append(dst, openapi.Gate...), nil
}
