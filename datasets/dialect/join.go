package dialect

import "parley/engine"

// Joins are the conditions by which a plan's tables are joined, over the columns of its schema: those of each key equal to the
// first, at one scale.
func (w Writer) Joins(p *engine.Plan) (out []string, err error) {
	for _, key := range p.Join.Keys {
		scale, first := 0, ""
		for _, c := range key {
			scale = max(scale, p.Schema.Columns[c].Scale)
		}
		for i, c := range key {
			own := p.Schema.Columns[c]
			e := &engine.Expr{Op: engine.OpColumn, Column: c, Kind: own.Kind, Scale: own.Scale, Nullable: true, Min: own.Min, Max: own.Max}
			if own.Kind != engine.Null && own.Scale < scale {
				e = &engine.Expr{Op: engine.OpRescale, Args: []*engine.Expr{e}, Kind: engine.Decimal, Scale: scale, Nullable: true}
			}
			sql, err := w.Expression(e)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				first = sql
			} else {
				out = append(out, first+" = "+sql)
			}
		}
	}
	return out, nil
}
