import './language.js';
import { render } from 'preact';
import { App } from './app.js';
import { startLive } from './live-overview.js';
import { startRouter } from './router.js';
import { startTheme } from './theme.js';

startTheme();
startRouter();
startLive();
render(<App />, document.body);
