"""Order-only dependencies, which Snakemake lacks: what make writes behind a `|`.

A job that trains must wait for the canary of its plan, the canary must run whenever something that
waits for it runs, and what is finished must not care. `temp` and `ancient` do not give that: as
soon as one job wants a temporary file again, Snakemake 9 runs every job that ever read it, although
it is `ancient`, because it is not there (`DAG.update_needrun`). So the plan is made without the
edges of such rules, and they are put back afterwards.
"""

from collections.abc import Collection

from snakemake import workflow as snakemake_workflow
from snakemake.dag import DAG


def order_only(rules: Collection[str]) -> None:
    """Let dependencies on these rules order jobs, and never make one run."""

    class OrderOnly(DAG):
        """Snakemake's graph, in which a job of `rules` runs if a job that waits for it does."""

        async def update_needrun(self, create_inventory: bool = False) -> None:
            edges = {job: self.depending[job] for job in self.jobs if job.rule.name in rules}
            for job, waiting in edges.items():
                self.depending[job] = {}
                for other in waiting:
                    del self._dependencies[other][job]
            await super().update_needrun(create_inventory)
            for job, waiting in edges.items():
                self.depending[job] = waiting
                for other, files in waiting.items():
                    self._dependencies[other][job] = files
                self._decide(job, [other for other in waiting if self.needrun(other)])
            self._len = len(self._finished | self._needrun)

        def _decide(self, job, waiting: list) -> None:
            """Run `job`, and then what waits for it; if nothing does, only as the user's target."""
            if self.finished(job):
                return
            if waiting:
                self._needrun.add(job)
                self._n_until_ready[job] = 0
                self.reason(job).missing_output.update(job.output)
                for other in waiting:
                    self._n_until_ready[other] += 1
            elif job not in self.targetjobs and not self.reason(job).forced:
                self._needrun.discard(job)
                self._n_until_ready.pop(job, None)

    snakemake_workflow.DAG = OrderOnly
