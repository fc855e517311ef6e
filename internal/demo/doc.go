// Package demo is a merchant's web service, as one that integrates would write
// it: a page that requests payouts and shows each one's way from the signed
// request to the verified callback. Of this module it uses the public packages
// client and signature only, which proves that they suffice.
//
// The page is rendered on the server and works without script; a small script
// keeps it live. The page loads nothing from elsewhere.
//
// What it requests and what it is told are stored before they take effect, in a
// file of JSON lines, so a service that is started again goes on where it was:
// a request that had no answer yet is sent again, in the same bytes.
package demo
