import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  deployment,
  isUnfinished,
  type DeploymentCommand,
  type DeploymentEvent,
} from "#domain/deployment";
import { fold, given, play } from "../../support/spec.js";
import { LATER, failure, request } from "./samples.js";

const PLAN = ["pull", "create", "route", "drain"];
const claimBy = (owner: string): DeploymentCommand => ({
  type: "ClaimDeployment",
  steps: PLAN,
  commitStep: "route",
  owner,
  previousDeploymentId: "previous",
});
const complete = (step: string, facts = {}): DeploymentCommand => ({
  type: "CompleteStep",
  step,
  facts,
});
const fail = (retryAt: string | null): DeploymentCommand => ({
  type: "RecordStepFailure",
  failure,
  retryAt,
});

const requested: DeploymentEvent = {
  type: "DeploymentRequested",
  data: request,
};
const started: DeploymentEvent = {
  type: "DeploymentStarted",
  data: {
    steps: PLAN,
    commitStep: "route",
    owner: "w1",
    previousDeploymentId: "previous",
  },
};
const stepStarted = (step: string, attempt = 1): DeploymentEvent => ({
  type: "StepStarted",
  data: { step, attempt },
});
const stepCompleted = (step: string, facts = {}): DeploymentEvent => ({
  type: "StepCompleted",
  data: { step, facts },
});
const stepFailed = (retryAt: string | null): DeploymentEvent => ({
  type: "StepFailed",
  data: { ...failure, retryAt },
});
const succeeded: DeploymentEvent = { type: "DeploymentSucceeded", data: {} };

const running = [requested, started, stepStarted("pull")];
const atTheSwitch = [
  ...running,
  stepCompleted("pull"),
  stepStarted("create"),
  stepCompleted("create"),
  stepStarted("route"),
];
const switched = [
  ...atTheSwitch,
  stepCompleted("route"),
  succeeded,
  stepStarted("drain"),
];
const failedForGood = [...running, stepFailed(null)];

describe("asking for a deployment", () => {
  it("records the whole release, so that what runs never depends on what is configured later", () => {
    given(deployment, [])
      .when({ type: "RequestDeployment", request })
      .then([requested])
      .state({ status: "waiting", request });
  });

  it("is asked for once: the same request again changes nothing", () => {
    given(deployment, [requested])
      .when({ type: "RequestDeployment", request })
      .then([]);
  });

  it("knows no deployment that nobody asked for", () => {
    given(deployment, []).when(claimBy("w1")).rejects("not-found");
  });
});

describe("claiming", () => {
  it("starts the deployment and its first step in one commit", () => {
    given(deployment, [requested])
      .when(claimBy("w1"))
      .then([started, stepStarted("pull")])
      .state({ status: "running", current: "pull" });
  });

  it("by the next worker resumes at the step that was never completed, and counts the attempt", () => {
    given(deployment, [
      ...running,
      stepCompleted("pull"),
      stepStarted("create"),
    ])
      .when(claimBy("w2"))
      .then([stepStarted("create", 2)]);
  });

  it("resumes the plan of the first claim, whatever the second worker would plan", () => {
    const other: DeploymentCommand = {
      type: "ClaimDeployment",
      steps: ["other"],
      commitStep: "other",
      owner: "w2",
      previousDeploymentId: null,
    };
    given(deployment, running)
      .when(other)
      .then([stepStarted("pull", 2)])
      .state({ steps: PLAN, previousDeploymentId: "previous" });
  });

  it("after the switch still finishes the steps that are owed", () => {
    given(deployment, switched)
      .when(claimBy("w2"))
      .then([stepStarted("drain", 2)]);
  });

  it("finds nothing to do once every step is completed", () => {
    given(deployment, [...switched, stepCompleted("drain")])
      .when(claimBy("w2"))
      .then([]);
  });

  it("starts no step when one has failed for good: the undo comes first", () => {
    given(deployment, failedForGood).when(claimBy("w2")).then([]);
  });
});

describe("completing a step", () => {
  it("starts the next one in the same commit", () => {
    given(deployment, running)
      .when(complete("pull", { imageId: "i1" }))
      .then([stepCompleted("pull", { imageId: "i1" }), stepStarted("create")])
      .state({
        completed: ["pull"],
        current: "create",
        facts: { imageId: "i1" },
      });
  });

  it("adds its facts to those before", () => {
    given(deployment, [
      ...running,
      stepCompleted("pull", { a: 1, b: 1 }),
      stepStarted("create"),
    ])
      .when(complete("create", { b: 2 }))
      .state({ facts: { a: 1, b: 2 } });
  });

  it("at the switch is the success, and the clean-up goes on", () => {
    given(deployment, atTheSwitch)
      .when(complete("route"))
      .then([stepCompleted("route"), succeeded, stepStarted("drain")])
      .state({ status: "succeeded" });
  });

  it("at the end starts nothing", () => {
    given(deployment, switched)
      .when(complete("drain"))
      .then([stepCompleted("drain")])
      .state({ current: null });
  });

  it("does not count for a step that is not the current one", () => {
    given(deployment, running).when(complete("route")).then([]);
  });

  it("comes too late once the step was given up: nothing may succeed while its undo is owed", () => {
    given(deployment, [...atTheSwitch, stepFailed(null)])
      .when(complete("route"))
      .then([]);
  });
});

describe("a step that fails", () => {
  it("to be tried again leaves the deployment running", () => {
    given(deployment, running)
      .when(fail(LATER))
      .then([stepFailed(LATER)])
      .state({ status: "running", failure: null, current: "pull" });
  });

  it("and was tried again carries the next attempt", () => {
    given(deployment, [...running, stepFailed(LATER)])
      .when(claimBy("w1"))
      .then([stepStarted("pull", 2)]);
  });

  it("for good owes an undo, and is failed only after it", () => {
    given(deployment, running)
      .when(fail(null))
      .then([stepFailed(null)])
      .state({ status: "running" });
    given(deployment, failedForGood)
      .when({ type: "FailDeployment" })
      .then([
        {
          type: "DeploymentFailed",
          data: { ...failure, retryAt: null } as never,
        },
      ])
      .state({ status: "failed" });
  });

  it("for good is recorded once", () => {
    given(deployment, failedForGood).when(fail(null)).then([]);
  });

  it("after the switch never makes the deployment a failed one: failed means the switch never happened", () => {
    const leftover = [...switched, stepFailed(null)];
    given(deployment, leftover)
      .when({ type: "FailDeployment" })
      .then([])
      .state({ status: "succeeded" });
    expect(isUnfinished(fold(deployment, leftover))).toBe(false);
  });

  it("is needed to fail a deployment", () => {
    given(deployment, running).when({ type: "FailDeployment" }).then([]);
  });
});

describe("a waiting deployment", () => {
  it("gives way to a newer one", () => {
    given(deployment, [requested])
      .when({ type: "SupersedeDeployment", by: "newer" })
      .then([{ type: "DeploymentSuperseded", data: { by: "newer" } }])
      .state({ status: "superseded" });
  });

  it("is skipped with a reason", () => {
    given(deployment, [requested])
      .when({
        type: "SkipDeployment",
        code: "held",
        message: "the workload is held",
      })
      .then([
        {
          type: "DeploymentSkipped",
          data: { code: "held", message: "the workload is held" },
        },
      ])
      .state({ status: "skipped" });
  });

  it("once running is neither superseded nor skipped", () => {
    given(deployment, running)
      .when({ type: "SupersedeDeployment", by: "newer" })
      .then([]);
    given(deployment, running)
      .when({ type: "SkipDeployment", code: "held", message: "no" })
      .then([]);
  });

  it("once superseded cannot be claimed", () => {
    given(deployment, [
      requested,
      { type: "DeploymentSuperseded", data: { by: "newer" } },
    ])
      .when(claimBy("w1"))
      .then([]);
  });
});

describe("whatever order the commands come in", () => {
  const anyCommand: fc.Arbitrary<DeploymentCommand> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.constantFrom(...PLAN).map((step) => complete(step)),
    },
    { weight: 2, arbitrary: fc.constantFrom("w1", "w2").map(claimBy) },
    { weight: 1, arbitrary: fc.constantFrom(fail(null), fail(LATER)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<DeploymentCommand>(
        { type: "RequestDeployment", request },
        { type: "FailDeployment" },
        { type: "SupersedeDeployment", by: "newer" },
        { type: "SkipDeployment", code: "held", message: "held" },
      ),
    },
  );
  /** Mostly the way a worker goes, with strangers thrown in: so that the deep states are reached too. */
  const anyStory = fc
    .tuple(
      fc.nat(PLAN.length),
      fc.array(fc.tuple(fc.nat(8), anyCommand), { maxLength: 12 }),
    )
    .map(([depth, strangers]) => {
      const story = [
        { type: "RequestDeployment", request } as DeploymentCommand,
        claimBy("w1"),
        ...PLAN.slice(0, depth).map((step) => complete(step)),
      ];
      strangers.forEach(([position, command]) =>
        story.splice(Math.min(position, story.length), 0, command),
      );
      return story;
    });
  const always = (holds: (events: readonly DeploymentEvent[]) => void): void =>
    fc.assert(
      fc.property(anyStory, (story) => holds(play(deployment, story).events)),
      { numRuns: 500 },
    );

  it("it succeeds at most once, with the commit step, and never both succeeds and fails", () => {
    always((events) => {
      const ends = events.filter(
        ({ type }) =>
          type === "DeploymentSucceeded" || type === "DeploymentFailed",
      );
      expect(ends.length).toBeLessThanOrEqual(1);
      const at = events.findIndex(({ type }) => type === "DeploymentSucceeded");
      if (at >= 0) expect(events[at - 1]).toEqual(stepCompleted("route"));
    });
  });

  it("no step is completed unless it was the last one started", () => {
    always((events) => {
      let current: string | null = null;
      for (const event of events) {
        if (event.type === "StepStarted") current = event.data.step;
        if (event.type !== "StepCompleted") continue;
        expect(event.data.step).toBe(current);
        current = null;
      }
    });
  });

  it("the steps are completed in the order of the plan, each once", () => {
    always((events) => {
      const completed = events.flatMap((event) =>
        event.type === "StepCompleted" ? [event.data.step] : [],
      );
      expect(completed).toEqual(PLAN.slice(0, completed.length));
    });
  });

  it("attempts at a step count 1, 2, 3, …", () => {
    always((events) => {
      const attempts: Record<string, number> = {};
      for (const event of events) {
        if (event.type !== "StepStarted") continue;
        const { step, attempt } = event.data;
        expect(attempt).toBe((attempts[step] ?? 0) + 1);
        attempts[step] = attempt;
      }
    });
  });

  it("nothing but the failure itself follows a step that failed for good", () => {
    always((events) => {
      const at = events.findIndex(
        (event) => event.type === "StepFailed" && event.data.retryAt === null,
      );
      if (at >= 0)
        expect(
          events
            .slice(at + 1)
            .filter(({ type }) => type !== "DeploymentFailed"),
        ).toEqual([]);
    });
  });

  it("nothing follows an end before the switch", () => {
    const ends = [
      "DeploymentFailed",
      "DeploymentSuperseded",
      "DeploymentSkipped",
    ];
    always((events) => {
      const at = events.findIndex(({ type }) => ends.includes(type));
      if (at >= 0) expect(at).toBe(events.length - 1);
    });
  });

  it("a worker can always bring it to an end", () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        const whole = [
          ...story,
          { type: "RequestDeployment", request } as DeploymentCommand,
        ];
        let { state } = play(deployment, whole);
        for (let turn = 0; isUnfinished(state) && turn < 10; turn += 1) {
          const command = state.failure
            ? ({ type: "FailDeployment" } as const)
            : state.current
              ? complete(state.current)
              : claimBy("w3");
          state = fold(
            deployment,
            deployment.decide(command, state, {}),
            state,
          );
        }
        expect(isUnfinished(state)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
