"""A training that outlasts its time limit; the last file, because it runs beside the others."""


def test_a_time_limit_is_a_pause(time_limited, undisturbed, states, assert_resumed):
    project, run = time_limited
    project.finish(run)
    assert states(project) == ["TIMEOUT", "COMPLETED"]
    limits = [job["TimeLimit"] for job in project.jobs("codons_train")]
    assert limits == ["00:01:00", "00:02:00"]
    assert_resumed(project)
    assert project.predictions == undisturbed
