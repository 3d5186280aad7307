package render

import (
	"slices"
	"strings"

	"parley/engine"
	"parley/node/failure"
)

// units are what the columns of an answer are counted in, as the departments declare: a column that rows
// are grouped by, and its sums and averages, rounded or not. A variance or a quotient has another. nil: none has any.
func units(r *engine.Result, p *engine.Plan) (all []string) {
	all = make([]string, len(r.Columns))
	for i := range all {
		if c := sourceOf(p, r, i, true); c != nil {
			all[i] = c.Unit
		}
	}
	if strings.Join(all, "") == "" {
		return nil
	}
	return all
}

// headed are an answer's columns with their units.
func headed(r *engine.Result, p *engine.Plan) []string {
	names := slices.Clone(r.Columns)
	for i, unit := range units(r, p) {
		if unit != "" {
			names[i] += " (" + unit + ")"
		}
	}
	return names
}

// codes say what the codes in an answer's rows mean, a line for each column of them.
func codes(r *engine.Result, p *engine.Plan) (lines []string) {
	for i := range r.Columns {
		c := sourceOf(p, r, i, false)
		if c == nil || len(c.Labels) == 0 {
			continue
		}
		var meanings []string
		for _, row := range r.Rows {
			text := row[i].Text
			if text == nil {
				continue
			}
			at := slices.Index(c.Dictionary, *text)
			if row[i].Exact != nil && at < 0 { // a decimal is printed with all its places
				at = slices.Index(c.Dictionary, *row[i].Exact)
			}
			if at < 0 || c.Labels[at] == "" {
				continue
			}
			if meaning := *text + " " + c.Labels[at]; !slices.Contains(meanings, meaning) {
				meanings = append(meanings, meaning)
			}
		}
		if len(meanings) > 0 {
			lines = append(lines, r.Columns[i]+": "+strings.Join(meanings, ", "))
		}
	}
	return lines
}

// sourceOf is the column of the table that column i of an answer has values of, or with sums sums of; nil if
// there is none.
func sourceOf(p *engine.Plan, r *engine.Result, i int, sums bool) *engine.Column {
	if p == nil || len(p.Outputs) != len(r.Columns) {
		return nil
	}
	e := p.Outputs[i].Expr
	for e.Op == engine.OpFigure && slices.Contains([]string{"round", "trunc", "floor", "ceil", "ceiling", "abs"}, e.Value.Text) && sums {
		e = e.Args[0]
	}
	var of *engine.Expr
	switch {
	case e.Op == engine.OpGroup:
		of = p.Groups[e.Column].Expr
	case (e.Op == engine.OpSum || e.Op == engine.OpAverage) && sums:
		of = p.Moments[e.Column].Expr
	}
	for of != nil && of.Op == engine.OpRescale {
		of = of.Args[0]
	}
	if of == nil || of.Op != engine.OpColumn {
		return nil
	}
	return &p.Schema.Columns[of.Column]
}

// meaningText is what stands below an answer's rows about their codes.
func meaningText(r *engine.Result, p *engine.Plan) string {
	var b Page
	for _, line := range codes(r, p) {
		b.put("", failure.Printable(line))
	}
	return b.String()
}
