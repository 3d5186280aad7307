package engine

import "fmt"

// Language is what explanations are in.
type Language int

// The languages. What has no translation is in English: refusals, the rounds of a question of several, and how a screening's figures come about.
const (
	English Language = iota
	Chinese
)

// LanguageNamed is that of a name as commands take it: English but for "zh".
func LanguageNamed(name string) Language {
	if name == "zh" {
		return Chinese
	}
	return English
}

// text is a format in the language.
func (l Language) text(format string) string {
	if said, known := chineseTexts[format]; known && l == Chinese {
		return said
	}
	return format
}

// say puts values into a format.
func (l Language) say(format string, values ...any) string {
	return fmt.Sprintf(l.text(format), values...)
}

// plural is a number of things.
func plural[N int | int64](l Language, n N, noun string) string {
	if counted, known := chineseCounts[noun]; known && l == Chinese {
		return fmt.Sprintf("%d%s", n, counted)
	}
	return Plural(n, noun)
}

var chineseCounts = map[string]string{
	"row": "行", "joined row": "个连接行", "value": "个取值", "cell": "个单元", "group": "个分组", "limb": "个数段", "ciphertext": "个密文", "comparison": "处比较", "product": "个乘积", "share": "个份额", "number": "个数",
}

// chineseTexts are the formats in Chinese, with the same values in the same order, or by their places.
var chineseTexts = map[string]string{
	// Explanation
	"Plan %s":                           "计划%s",
	"Assurance: %s":                     "保证级别：%s",
	"Table %s, contributed by":          "表%s，数据来自",
	"  %s: at most %s, of":              "  %s：至多%s，连接自",
	"  %s: %s, version %d, digest %s":   "  %s：%s，第%d版，摘要%s",
	"    %s: %s, version %d, digest %s": "    %s：%s，第%d版，摘要%s",
	"Not asked, since it takes all the tables to join them: %s": "未询问（须有全部各表方可连接）：%s",
	"Joined where %s%s":           "连接条件：%s%s",
	"Columns read: %s":            "读取的列：%s",
	"Rows counted: %s":            "计入的行：%s",
	"Note: %s":                    "注意：%s",
	"Grouped by %s: %s (%s)":      "按%s分组：%s（%s）",
	"Each department contributes": "每个部门提供",
	"The contributors open the counts and round them to %d; one of them contributes what is rounded, the others 0:": "各参与部门打开计数并按%d取整；其中一个部门提供取整后的数，其余提供0：",
	"%s %s (%s of %d) in %s, %s:": "%s%s（%s，每组%d个），共%s、%s：",
	"  %s: %s%s":                  "  %s：%s%s",
	", in units of 10^-%d":        "，以10^-%d为单位",
	"    with the noise of all departments the standard error is %s": "    连同各部门的噪声，标准误差为%s",
	"    %s proves %s to %s":                   "    %s证明其值在%s至%s之间",
	"  ... one such count for each bucket ...": "  …… 每个区间一个此类计数 ……",
	"  and so on":                              "  依此类推",
	"The analyst computes":                     "分析人计算",
	"  %s = %s (%s)":                           "  %s = %s（%s）",
	", ± ":                                     "，± ",
	"  %s, which gives rows of %s":             "  %s，给出以下列的各行：%s",
	"  terms: %s":                              "  各项：%s",
	"Noise: none, since all that is asked for is how many rows the tables have, which is public. It takes of budgets as any question does.": "噪声：无，因所问仅为表的行数，而行数是公开的。隐私预算仍照常扣除。",
	"Noise: %s.":                    "噪声：%s。",
	"Accuracy: %s.":                 "精度：%s。",
	"Learns: %s: %s.":               "知悉：%s：%s。",
	"whichever contributes for all": "代全体提供数据的部门",
	"each other department":         "其余各部门",

	// ExplainedLinked
	" are one person on the spine %s of %s, across departments": "，同为名册%s（%s所有）上的一人，跨部门连接",
	"  %s, of": "  %s，表有",
	"Each department of %s (%s) sends for each person on the spine, encrypted, in each of %s:":   "%s的各部门（%s）就名册上的每个人加密发送以下数，分%s：",
	"Each department of %s (%s) multiplies what the others send for a person by, in each of %s:": "%s的各部门（%s）将他方就一人发送的数乘以以下数，分%s：",
	"  and %d more": "  另有%d个",
	"What is opened in each group, sums over all persons, in %s of vectors over all groups:": "每个分组中公开的数，为全体人员之和，各分组共%s（向量之积）：",
	"  %s, from %s to %s: the sum of %s":                                                     "  %s，在%s至%s之间：以下各项之和：%s",
	"Over the %d positions of the spine that takes, with the screening, %s of each department that encrypts and %s of each that multiplies, and %s of every member, for %s.":                                                                                                                                      "名册共%d个位置，连同筛查，加密的各部门各需%s，相乘的各部门各需%s，每个成员各需%s，以公开%s。",
	"Expected, of processor time: to encrypt %s, to multiply %s, to share %s, to verify %s of every member and of the analyst; in all about %s where each has two processors, and about %s where all share one machine that has two. What an earlier question of the epoch had encrypted is not encrypted again.": "预计处理器时间：加密%s，相乘%s，释放份额%s，每个成员及分析人核验%s；各方有两个处理器时共约%s，同在一台有两个处理器的机器上时约%s。同一时期内先前问题已加密的不再加密。",
	"nobody would answer this now: %s": "目前不会得到回答：%s",
	"%.0f s":                           "%.0f秒", "%.0f min": "%.0f分钟", "%.1f h": "%.1f小时",
	"each department whose keys are placed on the spine":                      "其键已在名册上定位的各部门",
	"which of its own persons stand on the spine %s of %s, from placing them": "经定位可知其自有人员中有谁在名册%s（%s所有）上",
	"; since the spine is one of the joined tables, it learns so who matches": "；名册即所连接的表之一，故由此得知谁相匹配",
	"; who matches nobody learns":                                             "；谁相匹配，无人得知",
	"encrypted numbers of %s, which they cannot read; but what they multiply by is theirs to say: one that does not follow the protocol, together with the analyst, can have a cell show numbers of single persons": "%s的加密数，不能读取；但乘以何数由其自定：不守协议者与分析人合谋，可使一个单元显出个别人的数",

	// Plan.Notes
	"rows whose %s is NULL or not on the spine are counted by neither IN nor NOT IN":                                                        "%s为NULL或不在名册上的行，IN与NOT IN均不计入",
	"where a row of the subquery has NULL for %s, NOT IN counts nothing, as in SQL; the subquery can leave such rows out by %s IS NOT NULL": "若子查询有一行的%s为NULL，NOT IN按SQL规则不计入任何行；子查询可用%s IS NOT NULL略去此类行",
	"so it is with %s more":          "另有%s同样如此",
	"no department asked has %s %s":  "所询问的部门均无%s %s",
	"%s has no %s %s":                "%s没有%s %s",
	"; ":                             "；",
	"there are %s":                   "有%s",
	"; nearest: %s":                  "；最接近的是%s",
	"; its values lie from %s to %s": "；其值在%s至%s之间",

	// Plan.disclosures
	"every cell (%d)": "全部单元（%d个）",
	"every cell that is not withheld (%d of %d)": "未被隐去的全部单元（%d个，共%d个）",
	"summed over the departments":                "为各部门之和",
	" and rounded to %d":                         "，并按%d取整",
	"%s, %s%s":                                   "%s，%s%s",
	", each with noise that every department adds to its own":                                                                                                      "，每个单元均带各部门为自己的数据所加的噪声",
	"; among them, though the answer does not show them, %d of the sums and counts listed above":                                                                   "；其中有%d项上列合计与计数，虽不在答复中显示",
	"; among them, though the answer does not show them: %s":                                                                                                       "；其中包括答复中不显示的：%s",
	"; those of groups that HAVING, OFFSET or LIMIT hides included":                                                                                                "；包括被HAVING、OFFSET或LIMIT略去的分组",
	"the analyst, and whoever is shown the opened certificate":                                                                                                     "分析人，以及看到已打开证书的人",
	"these are the figures of %s alone: no other department's rows are among them":                                                                                 "这些仅为%s一个部门的数字，不含其他部门的数据",
	"the query, the schema and its bounds, row counts and versions of the tables, who takes part, sizes and times (a department's to tenths of a second); no cell": "查询、表结构及其界限、各表的行数与版本、参与者、大小与时间（部门的时间精确到十分之一秒）；不知悉任何单元",
	", but those that contribute see each count before it is rounded":                                                                                              "，但参与部门会看到取整前的每个计数",
	"every department":                 "各部门",
	"every department and the analyst": "各部门与分析人",
	"the values that each department has in %s, which are in its dictionaries": "各部门在%s中具有的取值，这些取值在其字典中",
	"for %s, %s": "就%s而言，%s",

	// what functions tell
	"the number of complete rows, and the sum of the product of each pair of the terms, the intercept and the dependent variable": "完整行的行数，以及各项、截距与因变量两两乘积之和",
	"the number of complete rows, and the sum of the product of each pair of the terms and the dependent variable":                "完整行的行数，以及各项与因变量两两乘积之和",
	"the number of rows and the sum of y of each group, and the sum of all squares":                                               "每组的行数与y之和，以及全部平方和",
	"the number of values in each bin, and of all":                                                                                "每个区间中取值的个数，以及总数",
	"the number of rows of each pair of values":                                                                                   "每对取值的行数",
	"the number of rows, the sum of y and that of its squares of each group":                                                      "每组的行数、y之和及其平方和",
	"the whole distribution of x in each group: how many rows have each value":                                                    "每组中x的完整分布：每个取值的行数",
	"how many rows end at each time, in each group, and how many of them by the event":                                            "每组中在每个时间结束的行数，以及其中因事件结束的行数",
	"the population and the total of each group":                                                                                  "每组的人数与总额",
	"the events and the population of each stratum":                                                                               "每层的事件数与人数",
	"the sums of y, x, their squares and their product over the complete rows":                                                    "完整行上y、x、二者的平方及乘积之和",
	"the number of values in each bucket, and of all":                                                                             "每个区间中取值的个数，以及总数",
	"the sums of the first four powers of x":                                                                                      "x的一至四次幂之和",
	"in how many departments there are rows where it is true, and where it is false":                                              "有其为真的行的部门数，以及有其为假的行的部门数",
	"in how many departments each of %s occurs":                                                                                   "%s各自出现于多少个部门",
	"the whole distribution: how many rows have each of %s":                                                                       "完整分布：%s各自的行数",
	"the coefficients, which are in the question":                                                                                 "各系数，系数写在问题中",

	// Privacy
	"it protects what one row holds; a person with several rows in a department is protected so much less": "保护一行所含的内容；在一个部门有多行的人所受保护相应减弱",
	"all rows of a person in a department together, up to %d":                                              "一人在一个部门的全部行（至多%d行）",
	"per person: it protects %s": "以人为单位：保护%s",
	"it protects %s, and at %s, where no limit of rows is declared, what one row holds":   "保护%s；%s未声明行数上限，只保护一行所含的内容",
	"%s; each department's own noise is enough for that":                                  "%s；仅凭每个部门各自的噪声即可",
	"%s, as long as %d of the %d departments add theirs and do not work with the analyst": "%[1]s，只要%[3]d个部门中有%[2]d个加入其噪声且不与分析人串通",
	"%d times what one row would take, since a person may have so many":                   "为只保护一行时的%d倍，因一人可有如此多行",
	"down to 1/√%d of what it is where each department's own noise has to be enough":      "减至须仅凭每个部门各自的噪声时的1/√%d",
	"the error is %s": "误差%s",
	", and ":          "，并",
}
