import type { SystemState } from '../../../wire.ts';
import { setAttribute } from './dom.ts';

/** Colour and shape of the icon: what a row of tabs tells. */
const icons: Readonly<Record<SystemState | 'lost', readonly [colour: string, shape: string]>> = {
  healthy: ['17703a', "%3Cpath d='M4 8.5l3 3 5-6' stroke='white' stroke-width='2' fill='none' stroke-linecap='round' stroke-linejoin='round'/%3E"],
  degraded: ['b06a00', "%3Cpath d='M8 4v5M8 12v.1' stroke='white' stroke-width='2.2' stroke-linecap='round'/%3E"],
  critical: ['c6302c', "%3Cpath d='M5 5l6 6M11 5l-6 6' stroke='white' stroke-width='2.2' stroke-linecap='round'/%3E"],
  emergency: ['c6302c', "%3Cpath d='M5 5l6 6M11 5l-6 6' stroke='white' stroke-width='2.2' stroke-linecap='round'/%3E"],
  lost: ['6b7583', "%3Cpath d='M4 8h8' stroke='white' stroke-width='2' stroke-dasharray='2 2.5'/%3E"],
};

/** What can be seen of the page while another is in front: its title and its icon. */
export function showTab(state: SystemState | 'lost', title: string): void {
  if (document.title !== title) document.title = title;
  const [colour, shape] = icons[state];
  const icon = document.querySelector('link[rel="icon"]');
  const data = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%23${colour}'/%3E${shape}%3C/svg%3E`;
  if (icon !== null) setAttribute(icon, 'href', data);
}
