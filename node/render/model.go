package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"parley/engine"
	"parley/node/failure"
)

// Model is the figures beside an answer's rows: an object of name and value, in
// their order; with GROUP BY an array of such objects, one for each group, whose member
// "group" is the array of the group's values.
type Model struct {
	figures []engine.Figure
	take    func(engine.Value) *string
}

// modelsOf is the figures beside a result's rows, as printed and exactly; nil if there
// are none.
func modelsOf(r *engine.Result) (text, exact *Model) {
	if len(r.Model) == 0 {
		return nil, nil
	}
	return &Model{r.Model, func(v engine.Value) *string { return v.Text }}, &Model{r.Model, func(v engine.Value) *string { return v.Exact }}
}

// byGroup splits the figures where the group changes.
func byGroup(figures []engine.Figure) [][]engine.Figure {
	same := func(a, b engine.Value) bool {
		return (a.Text == nil) == (b.Text == nil) && (a.Text == nil || *a.Text == *b.Text)
	}
	var out [][]engine.Figure
	for i, f := range figures {
		if i == 0 || !slices.EqualFunc(figures[i-1].Group, f.Group, same) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], f)
	}
	return out
}

// MarshalJSON implements json.Marshaler.
func (m Model) MarshalJSON() ([]byte, error) {
	var objects [][]byte
	grouped := false
	for _, figures := range byGroup(m.figures) {
		var b bytes.Buffer
		member := func(name string, v any) error {
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			key, err := json.Marshal(name)
			if err != nil {
				return err
			}
			text, err := json.Marshal(v)
			b.Write(append(append(key, ':'), text...))
			return err
		}
		if group := figures[0].Group; len(group) > 0 {
			grouped = true
			values := make([]*string, len(group))
			for i, v := range group {
				values[i] = m.take(v)
			}
			if err := member("group", values); err != nil {
				return nil, err
			}
		}
		for _, f := range figures {
			if err := member(f.Name, m.take(f.Value)); err != nil {
				return nil, err
			}
		}
		objects = append(objects, append(append([]byte{'{'}, b.Bytes()...), '}'))
	}
	if grouped || len(objects) == 0 {
		return append(append([]byte{'['}, bytes.Join(objects, []byte{','})...), ']'), nil
	}
	return objects[0], nil
}

// modelText is the figures for a terminal, and the reasons of what is not defined.
func modelText(r *engine.Result) string {
	var b Page
	for _, figures := range byGroup(r.Model) {
		var parts []string
		for _, v := range figures[0].Group {
			parts = append(parts, shownValue(v))
		}
		if len(parts) > 0 {
			fmt.Fprintf(&b, "%s\n", failure.Printable(strings.Join(parts, ", ")))
		}
		for _, f := range figures {
			line := shownValue(f.Value)
			if f.Reason != "" {
				line += ": " + failure.Printable(f.Reason)
			}
			b.put(fmt.Sprintf("%-*s ", labelWidth, failure.Printable(f.Name)), line)
		}
	}
	for _, n := range r.Notes {
		b.put("", failure.Printable(fmt.Sprintf("row %d, %s is not defined: %s", n.Row+1, n.Column, n.Reason)))
	}
	return b.String()
}

// shownValue is a value, NULL as nothing.
func shownValue(v engine.Value) string {
	if v.Text == nil {
		return "-"
	}
	return failure.Printable(*v.Text)
}
