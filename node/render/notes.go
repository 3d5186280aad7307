package render

import (
	"fmt"

	"parley/engine"
	"parley/engine/policy"
)

// notesWords are the words of what stands beneath an answer's rows, in English and in Chinese.
var notesWords = map[string][2]string{
	"withheld": {"withheld: ", "不予显示："}, "by rule": {"%s, by the rule %s", "%s，依规则%s"}, "says": {" (%s)", "（%s）"},
	"for sums": {", which %s may break", "，因%s可能不符"},
	"named":    {"%s: %s", "%s：%s"}, "and": {"; ", "；"}, "more": {"; and %d more, which --json has", "；另有%d项，见 --json"}, "all rows": {"of all rows", "全部数据"},
	"veiled count": {"; contributors see rows with noise, so their numbers have to add up to %d, and a cell of some more than %d rows may not be shown",
		"；各参与部门所见的行数带噪声，故其数之和须达%d，略多于%d行的单元也可能不予显示"},
	"persons": {"a cell that is shown rests on at least %d persons, and what its conditions leave out of its row on as many or none; whom several departments of one side know, each of these counts",
		"每个所示单元至少依据%d人，因其条件而未计入的人或为零或不少于此数；同一侧多个部门均有其记录的人，各部门各计一次"},
	"veiled floor": {"; contributors see rows with noise, so its number has to be %d", "；所见的行数带噪声，故该数须达%d"},
	"veiled":       {"; contributors see rows with noise, so it takes more of them", "；所见的行数带噪声，故须有更多的行"},
	"keys":         {"joined rows with the same %s count as one row for these rules", "就这些规则而言，%s相同的连接行只计一行"},
	"rounded":      {"rounded: ", "取整："},
	"each": {"counts are rounded to %d, each by itself; what is added up of several rows is the sum of rounded counts",
		"计数各自按%d取整；由多行相加而得的为取整后计数之和"},
	"noise": {"noise: ", "噪声："}, engine.NoiseGaussian: {engine.NoiseGaussian + " noise", "离散高斯噪声"}, engine.NoiseCellKey: {engine.NoiseCellKey + " noise", "单元密钥噪声"},
	"up to": {" of up to ±%s", "（至多±%s）"}, "of each": {"%[1]s of each of %[2]s", "%[2]s各自的%[1]s"},
	"carry":    {"%s: %s; behind ± is the standard error that it gives a figure", "%s：%s；±之后为由此产生的标准误差"},
	"left out": {"a group whose number of rows, with its noise, is not above 0 is left out", "加噪声后行数不大于0的分组不列出"},
	"cost":     {"cost: ", "代价："},
	"took":     {"the question takes ε = %s, for δ = %s, of each budget; parley budgets lists what is spent", "此问题从每项隐私预算中耗用ε = %s（δ = %s）；parley budgets 列出已耗用的数额"},
	"row":      {"", "%d行"}, "department": {"", "%d个部门"},
}

// notesLanguage says them in a language: 0 is English.
type notesLanguage int

func notesIn(language string) notesLanguage {
	if language == policy.Chinese {
		return 1
	}
	return 0
}

// notesText is what is withheld of an answer, what is rounded, and what carries noise, and why.
func notesText(r *engine.Result, p *engine.Plan, language string) string {
	l := notesIn(language)
	return withheldText(r, p, l) + roundedText(r, l) + noiseText(r, p, l)
}

func (l notesLanguage) say(what string, args ...any) string {
	if text := notesWords[what][l]; len(args) > 0 {
		return fmt.Sprintf(text, args...)
	} else {
		return text
	}
}

func (l notesLanguage) plural(n int, noun string) string {
	if l == 0 {
		return engine.Plural(n, noun)
	}
	return l.say(noun, n)
}
