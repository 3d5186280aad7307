package population

// Figures of the Seventh National Population Census of China (reference time
// 2020-11-01, 31 provinces), National Bureau of Statistics, communiqués of May
// 2021 and China Population Census Yearbook 2020. datasets/README.md, section 8.2 says which
// of them are published and which are fitted to published ones.

// censusDay is 2020-11-01, the census's reference time, in days since 1970-01-01.
const censusDay = 18567

// censusAges is the population by age and sex: males and females from `from` to
// the next entry's age. Published.
var censusAges = []struct {
	from         int
	male, female uint64
}{
	{0, 6312409, 5675648}, {1, 34656922, 31238909}, {5, 48017458, 42226598}, {10, 45606790, 39649204},
	{15, 39053343, 33630797}, {20, 39675995, 35265680}, {25, 48162270, 43685062}, {30, 63871808, 60273382},
	{35, 50932037, 48080895}, {40, 47632694, 45322636}, {45, 58191686, 56033201}, {50, 61105470, 60058826},
	{55, 50816026, 50584760}, {60, 36871125, 36511813}, {65, 36337923, 37667637}, {70, 24162733, 25427303},
	{75, 14752433, 16486416}, {80, 9157003, 11225875}, {85, 6100269, 9317688},
}

// oldestAge ends the open age group: ages from 85 thin out to it.
const oldestAge = 102

// censusProvinces is the resident population of the 31 provinces. Published;
// the sum is 1,409,778,724.
var censusProvinces = []struct {
	name   string
	people uint64
}{
	{"Beijing", 21893095}, {"Tianjin", 13866009}, {"Hebei", 74610235}, {"Shanxi", 34915616},
	{"Inner Mongolia", 24049155}, {"Liaoning", 42591407}, {"Jilin", 24073453}, {"Heilongjiang", 31850088},
	{"Shanghai", 24870895}, {"Jiangsu", 84748016}, {"Zhejiang", 64567588}, {"Anhui", 61027171},
	{"Fujian", 41540086}, {"Jiangxi", 45188635}, {"Shandong", 101527453}, {"Henan", 99365519},
	{"Hubei", 57752557}, {"Hunan", 66444864}, {"Guangdong", 126012510}, {"Guangxi", 50126804},
	{"Hainan", 10081232}, {"Chongqing", 32054159}, {"Sichuan", 83674866}, {"Guizhou", 38562148},
	{"Yunnan", 47209277}, {"Tibet", 3648100}, {"Shaanxi", 39528999}, {"Gansu", 25019831},
	{"Qinghai", 5923957}, {"Ningxia", 7202654}, {"Xinjiang", 25852345},
}

// censusHouseholds is the number of households of 1, 2, ... persons in 10,000.
// That of one person (25.39 %) and the mean (2.62) are published; the others
// are fitted to the mean.
var censusHouseholds = []uint64{2539, 2968, 2099, 1317, 617, 306, 93, 35, 14, 12}

// ruralRegistration and migration are shares in 10,000: 45.4 % of the population
// were registered as urban, 26.6 % lived away from their registration (375.82 of
// 1,411.78 million). Published.
const (
	urbanRegistration = 4540
	migration         = 2662
)

// The levels of education, with the years of schooling that the census counts.
var educationLevels = []struct {
	name  string
	years int64
}{{"none", 0}, {"primary", 6}, {"lower_secondary", 9}, {"upper_secondary", 12}, {"college", 15}, {"bachelor_or_higher", 16}}

// educationByAge is the distribution of the levels in 10,000 persons from age
// `from`. The totals over all ages are the published ones (aged 6 and over;
// pre-school counts as none); the spread over ages is fitted to them by
// iterative proportional fitting from a plausible start.
var educationByAge = []struct {
	from   int
	shares []uint64
}{
	{6, []uint64{2104, 7896, 0, 0, 0, 0}}, {10, []uint64{24, 6123, 3853, 0, 0, 0}},
	{15, []uint64{17, 162, 3591, 5073, 612, 545}}, {20, []uint64{27, 229, 2394, 2368, 2413, 2569}},
	{25, []uint64{36, 339, 3222, 2124, 2106, 2173}}, {30, []uint64{54, 560, 4046, 2000, 1725, 1615}},
	{40, []uint64{103, 1401, 5123, 1722, 874, 777}}, {50, []uint64{211, 2848, 4814, 1488, 385, 254}},
	{60, []uint64{502, 4396, 3583, 1181, 212, 126}}, {70, []uint64{1703, 5326, 2026, 601, 173, 171}},
}

// What follows is plausible, not published: it gives the tables dependences to
// find.

// employment is the share of men and women in 10,000 who work, from an age.
var employment = []struct {
	from       int
	men, women uint64
}{{0, 0, 0}, {16, 1200, 1000}, {20, 6200, 5400}, {25, 9000, 7600}, {50, 8400, 5600}, {55, 7400, 3600}, {60, 4200, 2200}, {65, 1900, 900}, {75, 0, 0}}

// incomes is a year's taxable income of a worker in yuan at every tenth of the
// distribution; between them it is linear.
var incomes = []uint64{0, 14000, 26000, 35000, 43000, 52000, 63000, 78000, 101000, 146000, 620000}

// incomeByLevel and incomeByAge scale incomes, in percent.
var (
	incomeByLevel = []uint64{55, 65, 80, 100, 135, 195}
	incomeByAge   = []struct {
		from    int
		percent uint64
	}{{0, 60}, {22, 75}, {26, 90}, {30, 105}, {40, 112}, {50, 105}, {60, 80}}
)

// taxBrackets are the steps of the tax on a year's income above 60,000 yuan:
// from so many yuan of it, percent. (Individual Income Tax Law, 2018.)
var taxBrackets = []struct {
	from    int64
	percent int64
}{{0, 3}, {36000, 10}, {144000, 20}, {300000, 25}, {420000, 30}, {660000, 35}, {960000, 45}}

// taxFree is the year's income in yuan that no tax is paid on.
const taxFree = 60000
