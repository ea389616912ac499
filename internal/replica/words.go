package replica

// The words everything is named with. They are the replica's own: landscapes,
// animals, tea. No title of a real film and no person is among them.
//
// They are functions because the package keeps no variables.

func seasons() []string {
	return []string{"初春", "暮春", "立夏", "仲夏", "初秋", "深秋", "初冬", "雪后", "雨后", "清晨", "黄昏", "月夜", "正午", "霜降", "谷雨", "白露"}
}

func places() []string {
	return []string{"茶山", "竹海", "湖畔", "梯田", "古渡", "松林", "海岸", "溪谷", "草原", "沙洲", "荷塘", "云岭", "麦田", "石桥", "渔村", "山寺", "果园", "湿地", "峡湾", "雪原", "灯塔", "花圃"}
}

func subjects() []string {
	return []string{"白鹭", "松鼠", "野花", "晨雾", "小舟", "炊烟", "梅花鹿", "风车", "飞鸟", "老树", "水车", "羊群", "蜻蜓", "落叶", "星空", "彩虹", "橘猫", "新茶", "稻浪", "瀑布", "红叶", "芦苇", "萤火"}
}

func filmPlaces() []string {
	return []string{"雾港", "青盐岛", "北坡", "南茶山", "白桦镇", "第七码头", "云上站", "旧水塔", "长堤", "霜河", "石榴巷", "芦花渡"}
}

func filmPlacesEnglish() []string {
	return []string{"Fog Harbour", "Green Salt Island", "the North Slope", "South Tea Hill", "Birch Town", "Pier Seven", "Cloud Station", "the Old Water Tower", "the Long Dyke", "Frost River", "Pomegranate Lane", "Reed Ferry"}
}

func filmSubjects() []string {
	return []string{"守钟的猫", "末班渡船", "纸灯笼", "会走路的树", "养蜂笔记", "晒盐的冬天", "迟到的候鸟", "一壶春水", "修伞铺", "三只水獭", "没有名字的山", "送信的风", "空白地图", "满月茶会", "雪地邮筒", "慢火车", "橘子气象台", "夜航的萤火", "风筝学校", "蓝色石阶", "最后一片竹林"}
}

func filmSubjectsEnglish() []string {
	return []string{"The Bell-Keeping Cat", "Last Ferry", "Paper Lanterns", "The Walking Tree", "Notes on Bees", "A Winter of Salt", "The Late Migrants", "A Pot of Spring Water", "The Umbrella Menders", "Three Otters", "A Hill Without a Name", "The Wind That Brought Letters", "A Blank Map", "Full Moon Tea", "Postbox in the Snow", "The Slow Train", "Tangerine Weather Station", "Fireflies by Night", "Kite School", "Blue Steps", "The Last Bamboo"}
}

// cast are the replica's directors and actors: animals, so that no record
// names anybody.
func cast() []string {
	return []string{"老猫 Old Cat", "白鹭 White Egret", "松鼠 Red Squirrel", "水獭 River Otter", "刺猬 Hedgehog", "梅花鹿 Sika Deer", "喜鹊 Magpie", "田鼠 Field Mouse", "山羊 Mountain Goat", "鹈鹕 Pelican", "狐狸 Grey Fox", "蜗牛 Garden Snail", "骆驼 Camel", "燕子 Barn Swallow", "鲸鱼 Blue Whale", "蜻蜓 Dragonfly"}
}

func genres() []string {
	return []string{"剧情", "动画", "冒险", "喜剧", "奇幻", "家庭", "音乐", "悬疑", "纪录片", "短片"}
}

func regions() []string {
	return []string{"中国大陆", "日本", "法国", "意大利", "韩国", "新西兰", "冰岛", "加拿大", "挪威", "印度"}
}

func quotes() []string {
	return []string{"水开了，故事才刚刚开始。", "慢一点，山也会走过来。", "灯塔不说话，船都听得懂。", "风记得每一片叶子的名字。", "一盏茶的时间，足够重逢。", "雪落下来，世界学会了轻声。", "每条河都有自己的脾气。", "把地图折成纸船，就到了。", "猫知道答案，但它在睡觉。", "路的尽头，是另一条路。", "Not all boats need a harbour.", "安静，是最长的掌声。", "春天迟到，从不缺席。", "石头也会做梦。"}
}

func moods() []string {
	return []string{"慢慢来", "去喝茶", "看云去", "晒太阳", "今天宜散步", "风很温柔", "早点休息", "一起看海", "种棵树吧", "好好吃饭", "听听雨声", "月亮出来了", "发会儿呆", "伸个懒腰", "出发吧", "收工啦", "周末愉快", "辛苦了"}
}

func animals() []string {
	return []string{"小猫", "小狗", "兔子", "水豚", "企鹅", "熊猫", "刺猬", "松鼠", "小鸭", "海獭", "羊驼", "仓鼠", "青蛙", "鲸鱼", "考拉", "狐狸"}
}
