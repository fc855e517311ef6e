// Package account is the account doctor: it tells whether an account number can be a Kyrgyz settlement account,
// and what most likely happened to it where it cannot (product.md §12.1).
package account

// Country is the country whose accounts the doctor knows, ISO 3166-1 alpha-2.
const Country = "KG"
