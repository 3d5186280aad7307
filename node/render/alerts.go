package render

import (
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/failure"
)

// alertHeads are the columns of a list of alerts.
func alertHeads(language string) []string {
	if language == policy.Chinese {
		return []string{"时间", "分析员", "部门", "数据表", "用途", "名称", "规则", "发现", "查询", "账本编号"}
	}
	return []string{"time", "analyst", "department", "table", "purpose", "name", "rule", "found", "query", "entry"}
}

func alertRow(a *audit.Alert) []string {
	return []string{a.Time.Format(time.RFC3339), a.Analyst, a.Department, a.Table, a.Purpose, a.Name, a.Rule, a.Found, a.Query, strconv.FormatUint(a.Number, 10)}
}

// Alerts lists alerts for people.
func Alerts(alerts []audit.Alert, language string) string {
	g := Grid{Head: alertHeads(language), Right: []bool{9: true}}
	for _, a := range alerts {
		a.Query = a.Query[:min(len(a.Query), 12)]
		cells := alertRow(&a)
		cells[0] = failure.Time(a.Time)
		row := make([]*string, len(cells))
		for i := range cells {
			row[i] = &cells[i]
		}
		g.Rows = append(g.Rows, row)
	}
	return g.String()
}

// AlertsCSV lists alerts for programs. A text that a spreadsheet would take for a formula begins with an apostrophe.
func AlertsCSV(alerts []audit.Alert, language string) string {
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	w.Write(alertHeads(language)) // a Builder takes everything
	for _, a := range alerts {
		cells := alertRow(&a)
		for i, cell := range cells {
			if strings.ContainsAny(cell[:min(len(cell), 1)], "=+-@") {
				cells[i] = "'" + cell
			}
		}
		w.Write(cells)
	}
	w.Flush()
	return text.String()
}
