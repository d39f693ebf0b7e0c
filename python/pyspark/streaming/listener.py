"""Following a stream: what happens, as objects with Spark's getters."""


class StreamingListener:
    """Derive from it, override what you want, and add it to the context."""

    def onStreamingStarted(self, streamingStarted):
        pass

    def onReceiverStarted(self, receiverStarted):
        pass

    def onReceiverError(self, receiverError):
        pass

    def onReceiverStopped(self, receiverStopped):
        pass

    def onBatchSubmitted(self, batchSubmitted):
        pass

    def onBatchStarted(self, batchStarted):
        pass

    def onBatchCompleted(self, batchCompleted):
        pass

    def onOutputOperationStarted(self, outputOperationStarted):
        pass

    def onOutputOperationCompleted(self, outputOperationCompleted):
        pass


class Teller:
    """Between the engine's events and a listener."""

    def __init__(self, listener):
        self._listener = listener

    def tell(self, what, facts):
        call = getattr(self._listener, "on" + what[0].upper() + what[1:], None)
        if call is None:
            return
        if what == "streamingStarted":
            call(_Started(facts["time"]))
        elif what.startswith("receiver"):
            call(_Getters(receiverInfo=_Getters(location="localhost", executorId="driver",
                                                lastError="", **facts)))
        elif what.startswith("batch"):
            call(_Getters(batchInfo=self._batch(facts)))
        else:
            call(_Getters(outputOperationInfo=self._output(facts)))

    def _batch(self, facts):
        facts = dict(facts)
        outputs = [self._output(one) for one in facts.pop("outputOperations")]
        inputs = {stream: _Getters(inputStreamId=stream, numRecords=records,
                                   metadataDescription=text)
                  for stream, records, text in facts.pop("inputs")}
        return _Getters(outputOperationInfos={one.id(): one for one in outputs},
                        streamIdToInputInfo=inputs, **{**facts, "batchTime": _Time(
                            facts["batchTime"])})

    def _output(self, facts):
        return _Getters(name=f"output {facts['id']}",
                        **{**facts, "batchTime": _Time(facts["batchTime"])})


class _Getters:
    """Java's way: a method for each fact."""

    def __init__(self, **facts):
        self.__dict__["_facts"] = facts

    def __getattr__(self, name):
        try:
            fact = self._facts[name]
        except KeyError:
            raise AttributeError(name) from None
        return lambda: fact

    def __repr__(self):
        return str(self._facts)


class _Number(int):
    """A number that may also be called for its value."""

    def __call__(self):
        return int(self)


class _Started:
    def __init__(self, time):
        self.time = _Number(time)


class _Time:
    def __init__(self, ms):
        self._ms = ms

    def milliseconds(self):
        return self._ms

    def __str__(self):
        return f"{self._ms} ms"

    __repr__ = __str__
