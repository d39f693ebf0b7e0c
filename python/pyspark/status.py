from collections import namedtuple

SparkJobInfo = namedtuple("SparkJobInfo", "jobId stageIds status")
SparkStageInfo = namedtuple(
    "SparkStageInfo",
    "stageId currentAttemptId name numTasks numActiveTasks numCompletedTasks numFailedTasks")


class StatusTracker:
    """Jobs end before anybody can ask here: it knows of none."""

    def getJobIdsForGroup(self, jobGroup=None):
        return []

    def getActiveStageIds(self):
        return []

    def getActiveJobsIds(self):
        return []

    def getJobInfo(self, jobId):
        return None

    def getStageInfo(self, stageId):
        return None
