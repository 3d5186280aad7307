package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/node/audit"
	"parley/node/failure"
)

// usageWords are those of usage reports.
var usageWords = map[string][2]string{
	"title": {"Usage report", "使用情况报告"}, "title of": {"Usage report: rows of %s", "使用情况报告：%s的数据"},
	"period": {"Period: from %s until %s. The ledger of network %s, up to block %d of %s.", "期间：%s至%s。依据网络%[3]s的账本，截至区块%[4]d（%[5]s）。"},
	"first":  {"the first entry", "首个条目"}, "last": {"the last entry", "最后条目"},
	"what": {"The report is made from the ledger alone, and whoever has the ledger can make it again. It counts questions and decisions, not persons in tables: small counts are shown as they are. A question of several rounds counts once, with the outcome of its last round.",
		"本报告仅依据账本生成，凡持有账本者均可重新生成。报告统计的是提问与决定，而不是表中的人：较小的数字照实列出。多轮提问计为一次，以最后一轮的结果为准。"},
	"nobody": {"It names departments, not people.", "报告列出部门，不列出个人。"}, "names": {"It names the analysts.", "报告列出分析人姓名。"},
	"months": {"Questions by month", "按月统计的提问"}, "uses": {"Tables, purposes and who asked", "表、用途与提问方"},
	"refusals": {"Refusals", "拒绝"}, "decisions": {"Decisions, and grants in force at the end", "决定及期末有效的授权"},
	"none": {"None.", "无。"}, "month": {"month", "月份"}, "total": {"total", "合计"}, "table": {"table", "表"}, "for": {"purpose", "用途"},
	"analysts": {"analysts of", "分析人所属部门"}, "analyst": {"analyst", "分析人"}, "asked": {"asked", "提问"}, "count": {"count", "次数"},
	"department": {"department", "部门"}, "together": {"all together", "各部门共同"}, "code": {"code", "代码"}, "released cells": {"cells released", "释放的单元"},
	"policies": {"policies", "策略"}, "requests": {"requests", "申请"},
	"cells note": {"Cells released are those of plans for which a department released its share of the key to the answer, whatever the outcome.",
		"“释放的单元”指已有部门释放其解密份额的查询计划的单元数，无论结果如何。"},
}

// usageBar is how wide the longest bar of the months is.
const usageBar = 40

// Usage is a usage report in Markdown that reads as plain text too.
func Usage(u *audit.Usage, names bool, language string) string {
	l := languageOf(language)
	var b Page
	title := l.say("title")
	if u.Department != "" {
		title = l.say("title of", markdown(u.Department))
	}
	at := func(t *time.Time, none string) string {
		if t == nil {
			return l.say(none)
		}
		return failure.Time(*t)
	}
	who := l.say("nobody")
	if names {
		who = l.say("names")
	}
	space := " "
	if l == 1 {
		space = ""
	}
	b.WriteString("# " + title + "\n\n")
	b.put("", failure.Printable(l.say("period", at(u.From, "first"), at(u.Until, "last"), audit.ShortDigest(u.Network), u.Block, failure.Time(u.Time))))
	b.WriteString("\n")
	b.put("", l.say("what")+space+who)
	usageMonths(&b, u, l)
	rows := [][]string{}
	for _, r := range u.Uses {
		row := []string{r.Table, r.Purpose, r.Analysts}
		if names {
			row = append(row, r.Person)
		}
		rows = append(rows, append(row, usageCounts(r.Counts)...))
	}
	head := []string{"table", "for", "analysts"}
	if names {
		head = append(head, "analyst")
	}
	usageTable(&b, l, "uses", append(head, usageOutcomes...), len(head), rows)
	rows = nil
	for _, r := range u.Refusals {
		rows = append(rows, []string{cmp.Or(r.Department, l.say("together")), r.Code, fmt.Sprint(r.Count)})
	}
	usageTable(&b, l, "refusals", []string{"department", "code", "count"}, 2, rows)
	rows = nil
	for _, d := range u.Decisions {
		rows = append(rows, []string{d.Department, d.Table, fmt.Sprint(d.Policies), fmt.Sprint(d.Requests), fmt.Sprint(d.Granted), fmt.Sprint(d.Declined), fmt.Sprint(d.TakenBack), fmt.Sprint(d.InForce)})
	}
	usageTable(&b, l, "decisions", []string{"department", "table", "policies", "requests", audit.OutcomeGranted, audit.OutcomeDeclined, audit.OutcomeTakenBack, audit.OutcomeInForce}, 2, rows)
	return b.String()
}

// usageOutcomes are the columns of audit.Counts.
var usageOutcomes = []string{"asked", audit.OutcomeAnswered, audit.OutcomeRefused, audit.OutcomeWithdrawn, audit.OutcomeExpired, audit.OutcomeFailed, audit.OutcomeOpen, "released cells"}

func usageCounts(c audit.Counts) (out []string) {
	for _, n := range []int{c.Asked, c.Answered, c.Refused, c.Withdrawn, c.Expired, c.Failed, c.Open, c.Cells} {
		out = append(out, fmt.Sprint(n))
	}
	return out
}

// usageMonths are the months as a table, and drawn.
func usageMonths(b *Page, u *audit.Usage, l trailLanguage) {
	rows, most := [][]string{}, 1
	for _, m := range u.Months {
		rows, most = append(rows, append([]string{m.Month}, usageCounts(m.Counts)...)), max(most, m.Asked)
	}
	if len(rows) > 0 {
		rows = append(rows, append([]string{l.say("total")}, usageCounts(u.Total)...))
	}
	usageTable(b, l, "months", append([]string{"month"}, usageOutcomes...), 1, rows)
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n")
	b.put("", l.say("cells note"))
	b.WriteString("\n```\n")
	for _, m := range u.Months {
		bar := (m.Asked*min(usageBar, most) + most - 1) / most // of one character where anything was asked
		b.WriteString(strings.TrimRight(fmt.Sprintf("%s %s %d", m.Month, strings.Repeat("█", bar), m.Asked), " ") + "\n")
	}
	b.WriteString("```\n")
}

// usageTable is a table of Markdown whose columns stand below each other. The first texts are left.
func usageTable(b *Page, l trailLanguage, heading string, head []string, texts int, rows [][]string) {
	b.WriteString("\n## " + l.say(heading) + "\n\n")
	if len(rows) == 0 {
		b.WriteString(l.say("none") + "\n")
		return
	}
	first := make([]string, len(head))
	for i, name := range head {
		first[i] = l.say(name)
	}
	all := append([][]string{first}, rows...)
	widths := make([]int, len(head))
	for n, row := range all {
		all[n] = slices.Clone(row)
		for i := range row {
			all[n][i] = markdown(row[i])
			widths[i] = max(widths[i], 3, failure.DisplayWidth(all[n][i]))
		}
	}
	for n, row := range all {
		for i := range row {
			b.WriteString("| " + pad(row[i], widths[i], i >= texts) + " ")
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			rule := strings.Repeat("-", width)
			if i >= texts {
				rule = rule[1:] + ":"
			}
			b.WriteString("| " + rule + " ")
		}
		b.WriteString("|\n")
	}
}

// markdown is a text of others that ends no cell and makes no markup.
func markdown(text string) string {
	return markdownMarks.Replace(failure.Printable(text))
}

var markdownMarks = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", `\<`, ">", `\>`, "[", `\[`, "]", `\]`, "*", `\*`, "`", "\\`", "&", `\&`, "#", `\#`)
