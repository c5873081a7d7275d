"""Chinese names, roads, districts and towns that people of a simulated world are made of; knows no person."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Final

from pypinyin import lazy_pinyin

# Roughly by how common they are, commonest first.
FAMILIES: Final = tuple(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫雷龙史陶贺顾毛郝龚邵万覃武钱戴严莫孔向常"
)
TWO_CHARACTER_FAMILIES: Final = ("欧阳", "司马", "诸葛", "上官")
MEN: Final = tuple(
    "伟强磊军洋勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林欢建国志文海东峰毅成康星光天达安岩中茂进"
)
WOMEN: Final = tuple(
    "芳娜敏静丽艳娟霞秀英玲桂萍红梅兰燕莉婷雪慧颖琳倩莹晶洁梦佳琪瑶怡蓉薇菲思雨晓月琴云莲真环荣爱妹香"
)
EITHER: Final = tuple("晓小玉春冬永嘉子一新佳文思雨世家振庆立亚凤")
# Whole given names that very many people have.
COMMON_MEN: Final = ("伟", "强", "磊", "军", "勇", "杰", "建国", "志强", "海涛", "俊杰", "浩然", "建华")
COMMON_WOMEN: Final = ("芳", "娜", "敏", "静", "秀英", "丽", "艳", "桂英", "婷婷", "雪梅", "玉兰", "晓燕")
# Characters that are typed for others of the same sound, beside those of the lists above.
_MORE: Final = tuple(
    "维炜玮薇蔷蕾雷君钧泳咏洁捷韬滔朝铭名钢纲萍苹晖挥朋桦骅非菲欣馨博宾彬雨羽玉豪皓恺建剑骏峻番率绪凝珑琳霖环建郭至智雯闻冬风丰锋意义诚城琨兴新天添打雁俪雅涓绢侠遐绣瑛莺凌铃贵平虹洪眉美蓝嫣丽亭庭血惠汇影"
    "郢林茜荧营菁婧孟嘉家其奇姚遥仪宜荣容威非斯丝语宇小筱悦阅秦勤芸匀联连贞珍欢融艾爱湘祥相张章李理刘柳陈晨杨阳黄皇赵照吴武周洲徐许孙笋"
)
ROADS: Final = (
    "建国", "人民", "中山", "解放", "和平", "新华", "长江", "黄河", "北京", "南京", "上海", "文化", "学院", "友谊", "青年",
    "光明", "胜利", "东风", "朝阳", "滨河", "科技", "体育场", "花园", "金水", "天河",
)  # fmt: skip
# Town, province, districts, first three digits of its postcodes.
TOWNS: Final = (
    ("北京市", "北京市", ("朝阳区", "海淀区", "丰台区"), "100"), ("上海市", "上海市", ("浦东新区", "徐汇区", "静安区"), "200"),
    ("广州市", "广东省", ("天河区", "越秀区", "海珠区"), "510"), ("深圳市", "广东省", ("福田区", "南山区", "罗湖区"), "518"),
    ("杭州市", "浙江省", ("西湖区", "上城区", "滨江区"), "310"), ("宁波市", "浙江省", ("海曙区", "江北区", "鄞州区"), "315"),
    ("南京市", "江苏省", ("玄武区", "鼓楼区", "建邺区"), "210"), ("苏州市", "江苏省", ("姑苏区", "虎丘区", "吴中区"), "215"),
    ("成都市", "四川省", ("武侯区", "锦江区", "青羊区"), "610"), ("绵阳市", "四川省", ("涪城区", "游仙区", "安州区"), "621"),
    ("武汉市", "湖北省", ("武昌区", "江汉区", "洪山区"), "430"), ("宜昌市", "湖北省", ("西陵区", "伍家岗区", "点军区"), "443"),
    ("西安市", "陕西省", ("雁塔区", "碑林区", "莲湖区"), "710"), ("咸阳市", "陕西省", ("秦都区", "渭城区", "兴平市"), "712"),
)  # fmt: skip
COMPANY_WORDS: Final = (
    "华联",
    "远大",
    "恒通",
    "金辉",
    "鑫源",
    "永兴",
    "天成",
    "宏达",
    "瑞丰",
    "新世纪",
    "东方",
    "海天",
)
COMPANY_TRADES: Final = ("商贸", "贸易", "食品", "餐饮", "物流", "家具", "电子", "医药", "印刷", "园艺")
COMPANY_SUFFIXES: Final = (("有限公司", "有限责任公司", "公司", ""),)
MAIL_HOSTS: Final = ("qq.com", "163.com", "126.com", "sina.com", "139.com")
TRADITIONAL: Final = dict(
    zip(
        "张刘陈杨黄赵吴马郑谢许邓韩冯萧叶苏吕卢钟谭陆范贾邹阎龙贺顾龚严军伟杰涛刚辉鹏华飞宾凯健帅宁欢建国东峰达丽艳娟玲红兰颖莹洁梦云莲环荣爱晓玉庆亚凤语维炜玮号楼",
        "張劉陳楊黃趙吳馬鄭謝許鄧韓馮蕭葉蘇呂盧鍾譚陸範賈鄒閻龍賀顧龔嚴軍偉傑濤剛輝鵬華飛賓凱健帥寧歡建國東峰達麗豔娟玲紅蘭穎瑩潔夢雲蓮環榮愛曉玉慶亞鳳語維煒瑋號樓",
        strict=True,
    )
)


@cache
def homophones() -> dict[str, tuple[str, ...]]:
    """For each character its others of the same sound without tone, among those that names are made of."""
    by_sound: dict[str, list[str]] = defaultdict(list)
    for each in dict.fromkeys((*MEN, *WOMEN, *EITHER, *_MORE, *FAMILIES)):
        by_sound[lazy_pinyin(each)[0]].append(each)
    return {
        each: tuple(other for other in group if other != each)
        for group in by_sound.values()
        for each in group
    }


def romanised(text: str) -> list[str]:
    """The sounds of the characters, without tones."""
    return [str(each) for each in lazy_pinyin(text)]
