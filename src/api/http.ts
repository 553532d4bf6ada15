// A request and its answer as values: the API server is a function from one to the other, whatever carries them.

export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface ApiRequest {
  readonly method: string;
  /** Path without the query, percent-encoding left as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array;
  /** undefined: nobody proved who they are; the answer is 401. */
  readonly user?: UserInfo;
  /** Ends a watch or a followed log. */
  readonly signal?: AbortSignal;
}

export interface ApiResponse {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  /** One buffer, or chunks as they come (watch, logs -f). */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** In-process (the server itself) or HTTP/2 (client/http.io.ts): the client cannot tell. */
export type Transport = (request: ApiRequest) => Promise<ApiResponse>;
