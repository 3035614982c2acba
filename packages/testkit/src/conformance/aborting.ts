/**
 * A caller can stop waiting for a provider at any moment, without harm to other callers.
 */
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { isSecretError } from '@keyfall/core';
import { canariesFor, canary, examine } from './exam.ts';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest } from './harness.ts';

const two = () => canariesFor('ALPHA', 'BETA');

/** The rules of `AbortSignal`. */
export function abortTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): ConformanceTest[] {
  const { faults } = harness;
  const stalled = faults === 'impossible' ? faults : faults.stalled;
  const writes = harness.capabilities.writes !== 'none';
  const tests = [
    examine(
      harness,
      'abort: a read that is aborted before it starts rejects as aborted, or answers correctly',
      two,
      async (exam, held) => {
        const read = () => exam.read(['ALPHA'], AbortSignal.abort());
        const batch = await read().catch((error: unknown) => {
          assert.ok(isSecretError(error, 'ERR_SECRET_ABORTED'), 'read must reject as aborted');
        });
        const alpha = batch?.entries.get('ALPHA');
        if (batch) assert.ok(alpha && 'value' in alpha && alpha.value === held.get('ALPHA'));
        assert.deepEqual(
          await exam.outcome('ALPHA'),
          { value: held.get('ALPHA') },
          'the next read',
        );
      },
    ),
  ];

  if (writes)
    tests.push(
      examine(
        harness,
        'abort: a write that is aborted before it starts happens whole and resolves, or does not happen',
        two,
        async (exam, held) => {
          const changes = canariesFor('ALPHA', 'BETA');
          const done = await exam.write(changes, undefined, AbortSignal.abort()).then(
            () => true,
            (error: unknown) => {
              assert.ok(isSecretError(error, 'ERR_SECRET_ABORTED'), 'write must reject as aborted');
              return false;
            },
          );
          assert.deepEqual(await exam.values('all'), done ? changes : held);
        },
      ),
    );

  if (stalled !== 'impossible') {
    tests.push(
      examine(
        harness,
        'abort: a read that waits for the store ends when it is aborted, at any moment',
        two,
        async (exam) => {
          await exam.values('all');
          await stalled(exam.subject);
          // the rule holds wherever the call is by then, so the lengths only make for variety
          for (const delay of [0, 5, 100]) {
            const caller = new AbortController();
            const read = exam.rejection(
              async () => exam.provider.read(['ALPHA'], exam.context(caller.signal)),
              'an aborted read',
            );
            await wait(delay);
            caller.abort();
            assert.equal((await read).code, 'ERR_SECRET_ABORTED');
          }
        },
      ),

      examine(
        harness,
        'abort: the read of one caller does not end when another caller aborts its own',
        two,
        async (exam) => {
          await stalled(exam.subject);
          const [leaving, staying] = [new AbortController(), new AbortController()];
          const read = ({ signal }: AbortController) =>
            exam.rejection(
              async () => exam.provider.read(['ALPHA'], exam.context(signal)),
              'an aborted read',
            );
          let over = false;
          const left = read(leaving);
          const stayed = read(staying).finally(() => {
            over = true;
          });
          stayed.catch(() => {}); // it is awaited below, unless something else fails first
          leaving.abort();
          await left;
          await wait(0);
          assert.equal(over, false, "the other caller's read ended too");
          staying.abort();
          assert.equal((await stayed).code, 'ERR_SECRET_ABORTED');
        },
      ),
    );
    if (writes)
      tests.push(
        examine(
          harness,
          'abort: a write that waits for the store ends when it is aborted',
          two,
          async (exam) => {
            await stalled(exam.subject);
            const caller = new AbortController();
            const write = exam.rejection(
              () => exam.write([['ALPHA', canary()]], undefined, caller.signal),
              'an aborted write',
            );
            await wait(5);
            caller.abort();
            assert.equal((await write).code, 'ERR_SECRET_ABORTED');
          },
        ),
      );
  }
  return tests;
}
