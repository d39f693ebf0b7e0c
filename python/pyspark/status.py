"""What becomes of jobs, for programs that watch them."""

from collections import namedtuple

SparkJobInfo = namedtuple("SparkJobInfo", "jobId stageIds status")
SparkStageInfo = namedtuple(
    "SparkStageInfo",
    "stageId currentAttemptId name numTasks numActiveTasks numCompletedTasks numFailedTasks")

_STATES = ("RUNNING", "SUCCEEDED", "FAILED")


class StatusTracker:
    """The jobs of a SparkContext: the last thousand, and those that run."""

    def __init__(self, engine):
        self._engine = engine

    def getJobIdsForGroup(self, jobGroup=None):
        """The newest first; None: jobs that belong to no group."""
        return list(reversed(self._engine.jobs_of(jobGroup or "")))

    def getActiveStageIds(self):
        return sorted(self._engine.running_stages())

    def getActiveJobsIds(self):
        return sorted(self._engine.running_jobs())

    def getJobInfo(self, jobId):
        job = self._engine.job(jobId)
        if job is None:
            return None
        state, stages = job
        return SparkJobInfo(jobId, stages, _STATES[state])

    def getStageInfo(self, stageId):
        stage = self._engine.stage(stageId)
        return None if stage is None else SparkStageInfo(stageId, *stage)
