"""A whole session through the API, with nothing but the standard library: python client.py http://HOST STUDY"""

import json
import sys
import uuid
from urllib.request import Request, urlopen


def take_part(host, study, choose):
    """Start, consent, read, answer every pair with ``choose(pair)`` ("left", "right" or "tie"), finish: the code."""
    base, key = f"{host}/api/v1/studies/{study}/session/", None

    def ask(path, body=None):
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(base + path, data, headers), timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    # Made once for this start. If the answer is lost, send the same again: it stays one participant.
    key = ask("", {"press": str(uuid.uuid4())})["key"]
    ask("consent/", {})
    ask("instructions/", {"width": 1280, "height": 800})
    for pair in ask("plan/")["trials"]:
        # The number is made once per pair. If the answer is lost, send the same ballot again: it stays one vote.
        ballot = {"uuid": str(uuid.uuid4()), "trial": pair["id"], "choice": choose(pair), "client": {"input": "script"}}
        ask("votes/", ballot)
    return ask("finish/", {})["code"]


if __name__ == "__main__":
    # Your own pages show pair["left"]["src"] and pair["right"]["src"] under pair["question"]; here the left one wins.
    print(take_part(sys.argv[1], sys.argv[2], lambda pair: "left"))
