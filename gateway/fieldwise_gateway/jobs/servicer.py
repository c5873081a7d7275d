"""Wire to the jobs and back; no rules, no SQL."""

from __future__ import annotations

from typing import Any

from google.longrunning import operations_pb2

from fieldwise.gateway.v1 import jobs_service_pb2 as jobs_pb
from fieldwise.gateway.v1 import jobs_service_pb2_grpc as jobs_grpc
from fieldwise_gateway.jobs.running import Jobs
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.operations import Operations, Progress
from fieldwise_runtime.paging import clamp_page_size


class JobsServicer(jobs_grpc.JobsServiceServicer):
    """Runs jobs on request and lists what ran."""

    def __init__(self, jobs: Jobs, operations: Operations) -> None:
        self._jobs = jobs
        self._operations = operations

    async def RunJob(self, request: jobs_pb.RunJobRequest, context: Any) -> operations_pb2.Operation:
        async def work(progress: Progress) -> jobs_pb.JobRun:
            def told(summary: str) -> None:
                progress.update(jobs_pb.JobRun(job=request.job, summary=summary))

            return await self._jobs.run(request.job, request.request_id, told)

        state = jobs_pb.JobRun(job=request.job)
        return await self._operations.start("jobs", request.request_id, fingerprint(request), work, state)

    async def ListJobRuns(
        self, request: jobs_pb.ListJobRunsRequest, context: Any
    ) -> jobs_pb.ListJobRunsResponse:
        most = clamp_page_size(request.page_size, default=20, most=1000)
        return jobs_pb.ListJobRunsResponse(runs=await self._jobs.newest(most))
