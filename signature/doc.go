// Package signature signs and verifies the JSON bodies that go between a
// merchant's web service and the platform: requests, answers and callbacks.
//
// A signature does not cover the bytes of a body but the data in it, so white
// space, the order of members and the way a string is escaped do not count.
// The body is read as a tree, the tree is flattened to lines "path:value", the
// lines are sorted and joined with ";", and the signature is the base64 of the
// HMAC-SHA-512 of that signing string under the project's secret key:
//
//	account:number:00004598;general:payment_id:p-1;payment:amount:100000
//
// [Sign] and [Verify] work on a whole body. [Parse], [Canonical] and the
// methods of [Form] are the same steps one by one, for those who want the tree
// as well or want to show the signing string.
//
// # What is signed
//
//   - The path is the names from the root down, joined by ":"; an element of an
//     array has its index, from 0, as its name; ":" inside a name is doubled.
//   - true is signed as 1, false as 0, null and "" as nothing ("name:"), a number
//     in plain decimal, a string as its decoded UTF-8 text. Empty arrays and
//     objects give no line.
//   - Members named "signature" and "frame_mode" are left out at any depth, with
//     everything in them.
//
// # What is not signed
//
// These differ in JSON and have one signing string, so whoever reads a verified
// body must check its types and its schema, and must not trust what this list
// leaves open:
//
//   - the type of a scalar: 1, "1" and true; 0, "0" and false; null and "";
//   - the way a number is written, 1, 1.0 and 1e0, where it was signed in plain
//     decimal;
//   - an array and an object whose names are the indexes; empty arrays and
//     objects, which may be present or not;
//   - members named "signature" and "frame_mode";
//   - names that are empty or have ":" in them: {"a":{"":{"b":1}}} and
//     {"a:b":1} have the same path, "a::b";
//   - a ";" in a value or name, which looks like the end of a line:
//     [Form.Ambiguous] finds the bodies where that matters, so that they are
//     neither sent nor taken.
//
// # Orders
//
// The official SDKs sort in four ways, and a merchant's own client in a fifth,
// see [Order]. They give one string for every ordinary request and callback.
// SDKs also differ in how they write a number with a decimal point, see
// [AsWritten]. This package signs in [Natural] order, with numbers in plain
// decimal, and verifies all.
//
// The package depends on nothing but the standard library.
package signature
