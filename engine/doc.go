// Package engine says what a question is. SQL and the departments' registrations become a
// plan; the plan says which numbers each department contributes, within which bounds and in
// which limbs; and the sums of those numbers become the answer. It is a pure function of its
// arguments: no files, network, clock or randomness. Departments, analyst and verifiers each
// plan for themselves and compare digests.
//
// One round goes so:
//
//   - NewPlan binds the text, which any analyst may send, to a Catalogue, which comes from
//     peers. It validates both; every refusal is an *Error.
//   - Plan.Explain says what is computed and who learns what, before anything is asked.
//   - Each department computes its cells from its rows (Expr.Eval says how) and packs them
//     with Plan.Limbs; it proves each limb within Plan.Bounds.
//   - The analyst turns the sums of all limbs into cells with Plan.Cells, and the cells into a
//     Result with Plan.Finish.
//
// A Session is a question of one round or several, each with a plan of its own.
//
// The files sort by room: sql_ binds the text, stat_ are the aggregates, report_ the functions
// that return rows, round_ the questions of several rounds; files without a prefix are what
// all of them use. A new SQL function is an entry in functions.go, its code in a stat_ or
// report_ file, and a row of the README's table, which is the specification.
package engine
