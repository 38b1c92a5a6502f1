import {
  type ActionAnswer,
  type ActionRequest,
  CHANGE_HEADER,
  type DashboardAction,
  type Json,
  type Overview,
  type PauseResult,
  type ErrorResponse,
  type Session,
  type TaskAnswer,
  type TaskPageOfOne,
  type TaskQuery,
  type WorkerAnswer,
} from '../../lib/dashboard/dashboard-api.js';
import { markDenied } from './session.js';

/** An error response of the server; the status is 0 when the server did not respond. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type LoadedOverview = Json<Overview>;
export type LoadedKind = LoadedOverview['kinds'][number];
export type LoadedPage = Json<TaskAnswer>;
export type LoadedTask = LoadedPage['tasks'][number];
export type LoadedTaskPage = Json<TaskPageOfOne>;
export type LoadedWorkers = Json<WorkerAnswer>;
export type LoadedWorker = LoadedWorkers['workers'][number];
export type ActionDone = Json<ActionAnswer>;
export type Missing = NonNullable<ActionDone['missing']>;

export const api = {
  session: () => get<Json<Session>>('api/session'),
  overview: () => get<LoadedOverview>('api/overview'),
  tasks: (query: TaskQuery, signal?: AbortSignal) =>
    get<LoadedPage>(`api/tasks?${new URLSearchParams(query)}`, signal),
  task: (id: string, signal?: AbortSignal) =>
    get<LoadedTaskPage>(`api/tasks/${encodeURIComponent(id)}`, signal),
  workers: (signal?: AbortSignal) => get<LoadedWorkers>('api/workers', signal),
  act: (action: DashboardAction, request: ActionRequest) => post<ActionDone>(`api/tasks/${action}`, request),
  setPaused: (kind: number, paused: boolean) =>
    post<PauseResult>(`api/kinds/${kind}/${paused ? 'pause' : 'resume'}`, {}),
};

function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>(path, { signal });
}

function post<T>(path: string, body: unknown): Promise<T> {
  return request<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', [CHANGE_HEADER]: '1' },
    body: JSON.stringify(body),
  });
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(path, { ...init, credentials: 'same-origin' }).catch((error: unknown) => {
    if (init.signal?.aborted) {
      throw error;
    }
    throw new ApiError(0, 'The server does not answer.');
  });
  if (response.ok) {
    return (await response.json()) as T;
  }
  const body = (await response.json().catch(() => null)) as ErrorResponse | null;
  const error = new ApiError(response.status, body?.message ?? `The server answered ${response.status}.`);
  // A visitor who may only look keeps the pages when a change is forbidden.
  if (response.status === 401 || (response.status === 403 && init.method === undefined)) {
    markDenied();
  }
  throw error;
}
