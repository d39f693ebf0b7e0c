"""How rows become bytes is the engine's business here. These names can be imported and given to a
SparkContext; what they would change has no effect but for `dumps` and `loads`."""

import marshal
import pickle

import cloudpickle


class Serializer:
    def dumps(self, obj):
        return cloudpickle.dumps(obj, pickle.HIGHEST_PROTOCOL)

    def loads(self, obj, encoding="bytes"):
        return pickle.loads(obj)

    def __eq__(self, other):
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self):
        return hash(str(self))

    def __repr__(self):
        return f"{type(self).__name__}()"


class FramedSerializer(Serializer):
    pass


class CPickleSerializer(FramedSerializer):
    pass


PickleSerializer = CPickleSerializer


class CloudPickleSerializer(FramedSerializer):
    pass


class MarshalSerializer(FramedSerializer):
    def dumps(self, obj):
        return marshal.dumps(obj)

    def loads(self, obj, encoding="bytes"):
        return marshal.loads(obj)


class NoOpSerializer(FramedSerializer):
    def dumps(self, obj):
        return obj

    def loads(self, obj, encoding="bytes"):
        return obj


class UTF8Deserializer(Serializer):
    def __init__(self, use_unicode=True):
        self.use_unicode = use_unicode

    def dumps(self, obj):
        return obj.encode("utf-8")

    def loads(self, obj, encoding="bytes"):
        return obj.decode("utf-8") if self.use_unicode else obj


class BatchedSerializer(Serializer):
    UNLIMITED_BATCH_SIZE = -1
    UNKNOWN_BATCH_SIZE = 0

    def __init__(self, serializer, batchSize=UNLIMITED_BATCH_SIZE):
        self.serializer = serializer
        self.batchSize = batchSize


class AutoBatchedSerializer(BatchedSerializer):
    def __init__(self, serializer, bestSize=1 << 16):
        super().__init__(serializer, self.UNKNOWN_BATCH_SIZE)
        self.bestSize = bestSize
