package main

import "slices"

// The two commits of a comparison, as indices.
const (
	older = iota // the commit that is named
	newer        // this working copy
)

// order is which commit is measured first and which second in each pair: A B, B A, A B and so on,
// so that a drift of the machine is not charged to one of them.
func order(pairs int) [][2]int {
	out := make([][2]int, pairs)
	for i := range out {
		out[i] = [2]int{older, newer}
		if i%2 == 1 {
			out[i] = [2]int{newer, older}
		}
	}
	return out
}

// pair is one value of each commit, measured next to each other.
type pair struct {
	Old float64 `json:"old"`
	New float64 `json:"new"`
}

// spread is how values are distributed.
type spread struct {
	Least    float64 `json:"least"`
	Lower    float64 `json:"lowerQuartile"`
	Median   float64 `json:"median"`
	Upper    float64 `json:"upperQuartile"`
	Greatest float64 `json:"greatest"`
}

func spreadOf(values []float64) spread {
	return spread{quantile(values, 0), quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75), quantile(values, 1)}
}

// quantile interpolates between the two values beside it, as R and NumPy do unless told otherwise;
// 0 of no values.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// figure is one measure over all pairs: medians of each commit, and how the paired ratios new/old
// are distributed.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Old   float64 `json:"old"`
	New   float64 `json:"new"`
	Ratio *spread `json:"ratio,omitempty"` // nil where an old value is zero, and where it would say nothing
	Pairs []pair  `json:"pairs"`
}

func figureOf(name, unit string, pairs []pair) figure {
	f := figure{Name: name, Unit: unit, Pairs: pairs}
	var olds, news []float64
	for _, p := range pairs {
		olds, news = append(olds, p.Old), append(news, p.New)
	}
	f.Old, f.New = quantile(olds, 0.5), quantile(news, 0.5)
	if ratios := f.ratios(); ratios != nil {
		s := spreadOf(ratios)
		f.Ratio = &s
	}
	return f
}

// ratios are new/old of each pair; nil where one has none.
func (f figure) ratios() []float64 {
	var out []float64
	for _, p := range f.Pairs {
		if p.Old <= 0 {
			return nil
		}
		out = append(out, p.New/p.Old)
	}
	return out
}
