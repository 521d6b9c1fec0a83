"""Chinese, in simplified characters. The tokenizer reads traditional ones, and full-width signs, as the same."""

from typing import Final

from training.captions.language import Language, words

CHINESE: Final = Language(
    code="zh",
    instruments={
        "piano": words("钢琴, 大钢琴, 三角钢琴, 钢琴声, 钢琴和弦, 琴键"),
        "guitar": words("吉他, 木吉他, 原声吉他, 电吉他, 古典吉他, 吉他弹奏, 民谣吉他"),
        "strings": words("弦乐, 小提琴, 弦乐团, 管弦乐团, 大提琴, 弦乐合奏, 交响乐团, 提琴, 弦乐器, 弦乐四重奏"),
        "flute": words("长笛, 笛子, 竹笛, 排箫, 木笛, 笛声, 悠扬的笛声"),
        "bells": words("钟琴, 铃铛, 音乐盒, 八音盒, 钟声, 管钟, 铃声, 铃"),
        "synth": words("合成器, 电子合成器, 电子琴, 电子键盘, 合成器音色, 电子音色, 模拟合成器, 合成器铺底, 电子音效"),
    },
    drums=words(
        """鼓, 鼓点, 强烈的鼓点, 鼓声, 打击乐, 架子鼓, 重鼓点, 鼓组, 有力的鼓点, 强劲的鼓点, 爵士鼓, 鼓的节奏,
        强劲的鼓声, 沉重的鼓声, 鼓节拍, 强烈的节拍, 打击乐器, 稳定的节拍, 震撼的鼓声"""
    ),
    plain_drums=words("鼓, 鼓点, 打击乐, 鼓声"),
    bass=words("贝斯, 低音, 贝斯线, 低音贝斯, 深沉的低音, 电贝斯, 重低音, 低音线条"),
    tempo={
        "slow": words(
            """缓慢/缓慢的, 慢速/慢速的, 舒缓/舒缓的, 平静/平静的, 慢节奏/慢节奏的, 轻柔/轻柔的, 安静/安静的,
            放松/放松的, 宁静/宁静的, 柔和/柔和的, 慢/慢, 温柔/温柔的, 令人放松/令人放松的"""
        ),
        "medium": words("中速/中速的, 中等速度/中等速度的, 适中/速度适中的, 中等节奏/中等节奏的, 中板/中板的"),
        "fast": words(
            """快速/快速的, 快节奏/快节奏的, 轻快/轻快的, 有活力/有活力的, 充满活力/充满活力的, 动感/动感的, 快/快,
            激烈/激烈的, 高速/高速的, 急促/急促的, 激昂/激昂的, 活泼/活泼的"""
        ),
    },
    tempo_phrases={
        "slow": words("慢速, 节奏缓慢, 节奏舒缓, 速度慢, 慢慢的, 节奏很慢"),
        "medium": words("中速, 节奏适中, 速度中等, 速度适中"),
        "fast": words("快速, 节奏快, 节奏很快, 速度快, 节奏明快, 速度很快"),
    },
    mode={
        "major": words(
            """快乐/快乐的, 欢快/欢快的, 明亮/明亮的, 愉快/愉快的, 开心/开心的, 喜悦/喜悦的, 欢乐/欢乐的, 积极/积极的,
            阳光/阳光的, 大调/大调的"""
        ),
        "minor": words(
            """悲伤/悲伤的, 忧伤/忧伤的, 忧郁/忧郁的, 黑暗/黑暗的, 伤感/伤感的, 阴暗/阴暗的, 哀伤/哀伤的, 小调/小调的,
            凄凉/凄凉的"""
        ),
    },
    mode_phrases={
        "major": words("大调, 大调式, C大调, G大调, F大调, 心情愉快, 气氛欢乐"),
        "minor": words("小调, 小调式, C小调, G小调, F小调, 心情悲伤, 气氛忧伤"),
    },
    beats=words("{} bpm, 每分钟{}拍, {}BPM, 速度{}"),
    genres={
        "electronic": words("电子, 电子音乐, 电子乐, 电子风格"),
        "techno": words("techno, 铁克诺, 科技舞曲, 电子科技舞曲, trance"),
        "house": words("house, 浩室, 浩室音乐, house音乐"),
        "edm": words("电子舞曲, 舞曲, 电音, edm, 夜店音乐, 舞厅音乐"),
        "drum and bass": words("drum and bass, 鼓打贝斯"),
        "disco": words("迪斯科, disco"),
        "synthwave": words("合成器浪潮, synthwave, 合成器流行"),
        "chiptune": words("8位音乐, 芯片音乐, 8-bit, 像素风音乐, 红白机音乐"),
        "pop": words("流行, 流行音乐, 流行歌曲, 流行乐"),
        "rock": words("摇滚, 摇滚乐, 摇滚音乐, 摇滚乐队, rock"),
        "punk rock": words("朋克, 朋克摇滚"),
        "metal": words("金属, 重金属, 金属乐"),
        "blues": words("蓝调, 布鲁斯"),
        "funk": words("放克, funk"),
        "reggae": words("雷鬼, 雷鬼音乐"),
        "folk": words("民谣, 民谣音乐, 民间音乐"),
        "country": words("乡村, 乡村音乐"),
        "classical": words("古典, 古典音乐, 室内乐, 巴洛克"),
        "orchestral": words("管弦乐, 交响乐, 交响, 管弦乐曲, 史诗管弦乐"),
        "cinematic": words("电影配乐, 电影原声, 电影音乐, 影视配乐, 预告片音乐, 电影感"),
        "lullaby": words("摇篮曲, 催眠曲, 安眠曲"),
        "ambient": words("氛围音乐, 环境音乐, 氛围, ambient"),
        "meditation": words("冥想音乐, 冥想, 瑜伽音乐, 禅意音乐, 禅修音乐"),
        "lo-fi": words("lo-fi, lofi, 低保真, lofi节拍"),
        "hip hop": words("嘻哈, 说唱, hip hop, 嘻哈音乐, 说唱伴奏, 陷阱音乐"),
        "jazz": words("爵士, 爵士乐, 摇摆乐, 爵士三重奏, 爵士音乐"),
        "ballad": words("抒情曲, 抒情歌, 抒情, 情歌"),
    },
    pieces={1: words("音乐, 曲, 曲子, 乐曲, 歌曲, 旋律, 作品, 背景音乐, 片段, 纯音乐, 独奏曲")},
    heads=words("{instrument}{piece}, {instrument}, {instrument}{piece}, {instrument}演奏的{piece}"),
    genre_heads=words("{genre}, {genre}{piece}, {genre}, {genre}风格的{piece}"),
    solos=words("{}独奏, {}, 只有{}, {}独奏曲, 纯{}, 单独的{}"),
    drum_heads=words("鼓, 鼓独奏, 架子鼓独奏, 只有鼓, 打击乐, 鼓点, 鼓循环, 纯鼓点, 打击乐独奏, 鼓声"),
    company=words("带有{}, 配有{}, 加上{}, 有{}, 和{}, 伴随{}, 以及{}, 搭配{}"),
    before=words("带有{}的, 有{}的, 带{}的"),
    without=words("没有{}, 不要{}, 无{}, 不带{}"),
    sentences=(
        "{before}{adjectives}{head}，{company}，{rest}",
        "{adjectives}{before}{head}，{rest}，{company}",
        "{head}，{adjectives}，{company}，{rest}",
    ),
    asks=words(
        """一首{}, 一段{}, 请生成一段{}, 生成一首{}, 我想要一首{}, 请创作{}, 来一段{}, 做一首{}, 给我一首{},
        帮我写一首{}"""
    ),
    request="{tempo}{mode}{instrument}曲，{company}，{key}",
    commas=("，", "，", "、", ", ", " "),
    adjective_commas=("", "", "、", "，", "又"),
    and_=("和", "与", "、", "以及"),
    stop="。",
    space="",
    fillers=words(
        """夜晚, 白天, 下雨, 雨声, 大海, 森林, 城市, 夏天, 冬天, 爱, 爱情, 梦, 梦想, 希望, 史诗, 复古, 现代, 古老, 新,
        游戏, 视频, 电影, 背景, 场景, 故事, 咖啡, 咖啡店, 公路, 旅行, 派对, 八十年代, 温暖, 寒冷, 蓝色, 红色, 光,
        天空, 星星, 河流, 高山, 龙, 英雄, 战斗, 回忆, 早晨, 晚上, 美丽, 好听, 很棒, 高质量, 录音, 现场, 声音, 风格,
        感觉, 气氛, 情绪, 适合, 一个, 的, 和, 在, 了, 我, 你, 他们, 这, 那, 是, 不是, 很, 像, 人, 中国, 中国风,
        春天, 秋天, 月亮, 太阳, 花, 风, 雪, 今天, 天气, 很好, 明天, 去, 看, 听, 学校, 朋友, 无人声, 没有人声,
        纯器乐, 激情, 情感, 渐强, 高潮, 浪漫, 紧张, 悬疑, 太空, 海洋, 广告, 宣传片, 短视频, 开场, 结尾, 你好, 世界,
        测试, 猫, 狗, 家, 公园, 散步, 走路, 跑步, 街道, 火车, 飞机, 吃饭, 喝茶, 写字, 大, 小, 多, 少, 上, 下, 来,
        从, 到, 里, 用, 为, 对, 节日, 新年, 婚礼, 生日, 童年, 孤独, 思念, 自由, 未来, 科幻, 神秘, 东方, 古风, 武侠"""
    ),
)
