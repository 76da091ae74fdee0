"""Holds the report of a runner against the table."""
import dsl

# The class that each SDK raises for a status.
STATUS_CLASSES = {
    "python": {400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError",
               409: "ConflictError", 422: "UnprocessableEntityError", 429: "RateLimitError"},
    "typescript": {400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError",
                   409: "ConflictError", 422: "UnprocessableEntityError", 429: "RateLimitError"},
    "java": {400: "BadRequestException", 401: "UnauthorizedException", 403: "PermissionDeniedException",
             404: "NotFoundException", 409: "UnexpectedStatusCodeException", 422: "UnprocessableEntityException",
             429: "RateLimitException"},
}
CLIENT_CLASSES = {
    "connection": {"python": "APIConnectionError", "typescript": "APIConnectionError", "java": "TurbopufferIoException"},
    "timeout": {"python": "APITimeoutError", "typescript": "APIConnectionTimeoutError", "java": "TurbopufferIoException"},
}


def told(error):
    return {key: value for key, value in error.items() if key != "headers"}


def wrong_error(expect, error, scenario, sdk):
    if isinstance(expect, dsl.Raises):
        wanted = CLIENT_CLASSES[expect.kind][sdk]
        return None if error["class"] == wanted else f"raised {told(error)}, expected {wanted}"
    if not isinstance(expect, dsl.Fails):
        return f"failed: {told(error)}"
    wanted = STATUS_CLASSES[sdk][expect.status]
    if error.get("status") != expect.status or error["class"] != wanted:
        return f"raised {told(error)}, expected {expect.status} {wanted} {expect.texts}"
    body = error.get("body")
    if not isinstance(body, dict) or body.get("status") != "error" or not isinstance(body.get("error"), str):
        return f"is no error body: {body!r}"
    members = {"status", "error"} | ({"attribute"} if expect.attribute else set())
    if set(body) != members or body.get("attribute") != expect.attribute:
        return f"error members {sorted(body)}, expected {sorted(members)}"
    for text in dsl.named(scenario, expect.texts):
        if text not in body["error"]:
            return f"says {body['error']!r}, expected {text!r} in it"
    return None


def wrong_answer(expect, answer, scenario, sdk):
    if "error" in answer:
        return wrong_error(expect, answer["error"], scenario, sdk)
    if isinstance(expect, (dsl.Fails, dsl.Raises)):
        wanted = expect.status if isinstance(expect, dsl.Fails) else expect.kind
        return f"succeeded, expected {wanted}: {str(answer['ok'])[:300]}"
    if isinstance(expect, list) and isinstance(answer["ok"], dict) and "together" in answer["ok"]:
        wrong = [wrong_answer(e, a, scenario, sdk) for e, a in zip(expect, answer["ok"]["together"], strict=True)]
        return next(filter(None, wrong), None)
    return dsl.differs(expect, answer["ok"], "answer", scenario)


def problem(scenario, answers, sdk):
    """What is wrong with a scenario, in words; None: nothing. Answers of `settle` are the runner's own affair."""
    for number, step in enumerate(scenario.steps):
        if number >= len(answers):
            return f"step {number + 1} ({step.op}) was not reached"
        wrong = wrong_answer(step.expect, answers[number], scenario, sdk)
        if wrong:
            return f"step {number + 1} ({step.op}): {wrong}"
    return None
