import './platform/browser.js';

export * from './index.js';
