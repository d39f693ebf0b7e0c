from pyspark import SparkContext
from pyspark.streaming import StreamingContext

# 创建SparkContext和StreamingContext
sc = SparkContext("local[2]", "NetworkWordCount")
ssc = StreamingContext(sc, 1)

# 创建一个DStream，接收localhost:9999的数据
lines = ssc.socketTextStream("localhost", 9999)

# 切分每一行，生成一个新的DStream
words = lines.flatMap(lambda line: line.split(" "))

# 对每个批次的单词进行统计
pairs = words.map(lambda word: (word, 1))
wordCounts = pairs.reduceByKey(lambda x, y: x + y)

# 打印结果
wordCounts.pprint()

ssc.start()             # 开始计算
ssc.awaitTermination()  # 等待计算结束
